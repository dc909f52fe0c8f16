export { readHardware } from "./read-hardware.ts";
