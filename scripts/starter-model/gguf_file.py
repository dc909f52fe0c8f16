"""A minimal GGUF v3 reader and writer: metadata and f32, f16 or q8_0 tensors (q8_0 is only written)."""
import struct

import numpy as np

F32, F16, Q8_0 = 0, 1, 8
ALIGNMENT = 32
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def _string(x):
    b = x.encode()
    return struct.pack("<Q", len(b)) + b


def _value(v):
    if isinstance(v, bool):
        return struct.pack("<IB", 7, v)
    if isinstance(v, int):
        return struct.pack("<II", 4, v)
    if isinstance(v, float):
        return struct.pack("<If", 6, v)
    if isinstance(v, str):
        return struct.pack("<I", 8) + _string(v)
    if isinstance(v, list) and isinstance(v[0], str):
        return struct.pack("<IIQ", 9, 8, len(v)) + b"".join(map(_string, v))
    if isinstance(v, list):
        return struct.pack("<IIQ", 9, 5, len(v)) + struct.pack(f"<{len(v)}i", *v)
    raise TypeError(type(v))


def _pack(x, kind):
    x = np.ascontiguousarray(x, np.float32)
    if kind == F32:
        return x.tobytes()
    if kind == F16:
        return x.astype(np.float16).tobytes()
    blocks = x.reshape(-1, 32)                       # q8_0: per 32 values one f16 scale and 32 int8
    scale = (np.abs(blocks).max(1) / 127).astype(np.float32)
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
    out = np.empty((len(blocks), 34), np.uint8)
    out[:, :2] = scale.astype(np.float16)[:, None].view(np.uint8)
    out[:, 2:] = np.rint(blocks * inverse[:, None]).astype(np.int8).view(np.uint8)
    return out.tobytes()


def write(path, metadata, tensors):
    """metadata: {key: value}; tensors: [(name, array, kind)], row-major, the last axis is the row."""
    head = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    head += [_string(k) + _value(v) for k, v in metadata.items()]
    blobs, offset = [], 0
    for name, x, kind in tensors:
        data = _pack(x, kind)
        shape = struct.pack(f"<{x.ndim}Q", *reversed(x.shape))
        head.append(_string(name) + struct.pack("<I", x.ndim) + shape + struct.pack("<IQ", kind, offset))
        data += b"\0" * (-len(data) % ALIGNMENT)
        blobs.append(data)
        offset += len(data)
    header = b"".join(head)
    with open(path, "wb") as f:
        f.write(header + b"\0" * (-len(header) % ALIGNMENT))
        for blob in blobs:
            f.write(blob)


class _Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def string(self):
        n = self.take("Q")
        self.at += n
        return self.data[self.at - n:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            inner, n = self.take("I"), self.take("Q")
            return [self.value(inner) for _ in range(n)]
        return self.take(SCALARS[kind])


def read(path):
    """-> metadata and {name: float32 array} of a file with f32 and f16 tensors."""
    with open(path, "rb") as f:
        cursor = _Cursor(f.read())
    if cursor.take("4s") != b"GGUF" or cursor.take("I") != 3:
        raise ValueError(f"{path} is not a GGUF v3 file")
    tensor_count, key_count = cursor.take("Q"), cursor.take("Q")
    metadata = {}
    for _ in range(key_count):
        key = cursor.string()
        metadata[key] = cursor.value(cursor.take("I"))
    described = []
    for _ in range(tensor_count):
        name = cursor.string()
        axes = cursor.take("I")
        shape = [cursor.take("Q") for _ in range(axes)][::-1]
        described.append((name, shape, cursor.take("I"), cursor.take("Q")))
    start = cursor.at + (-cursor.at % ALIGNMENT)
    tensors = {}
    for name, shape, kind, offset in described:
        if kind not in (F32, F16):
            raise ValueError(f"{name}: only f32 and f16 tensors can be read")
        dtype = np.float32 if kind == F32 else np.float16
        flat = np.frombuffer(cursor.data, dtype, int(np.prod(shape)), start + offset)
        tensors[name] = flat.astype(np.float32).reshape(shape)
    return metadata, tensors
