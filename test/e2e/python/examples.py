"""What Python users write: requests, plain and streamed, and the openai client. Prints one JSON object.

Environment: BASE_URL (with /api/v1), API_KEY, USER_ID, MODEL.
"""

import json
import os

import openai
import requests

base_url = os.environ["BASE_URL"]
model = os.environ["MODEL"]
headers = {
    "Authorization": f"Bearer {os.environ['API_KEY']}",
    "X-User-Id": os.environ["USER_ID"],
    "Content-Type": "application/json",
}
results = {}


def plain():
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Tell me a short story about AI and people."}],
        "temperature": 0.7,
        "max_tokens": 200,
    }
    response = requests.post(f"{base_url}/chat/completions", headers=headers, json=body, timeout=60)
    response.raise_for_status()
    return response.json()["choices"][0]["message"]["content"]


def streamed():
    body = {"model": model, "messages": [{"role": "user", "content": "Write a poem about the sea."}], "stream": True}
    pieces = []
    with requests.post(f"{base_url}/chat/completions", headers=headers, json=body, stream=True, timeout=60) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if not line.startswith(b"data: "):
                continue
            data = line[len(b"data: ") :]
            if data == b"[DONE]":
                results["done"] = True
                break
            choices = json.loads(data)["choices"]
            if choices and "content" in choices[0]["delta"]:
                pieces.append(choices[0]["delta"]["content"])
    return "".join(pieces)


def library():
    client = openai.OpenAI(
        api_key=os.environ["API_KEY"], base_url=base_url, default_headers={"X-User-Id": os.environ["USER_ID"]}
    )
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Which benefits has renewable energy?"},
    ]
    whole = client.chat.completions.create(model=model, messages=messages, temperature=0)
    with client.chat.completions.create(model=model, messages=messages, temperature=0, stream=True) as stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    results["same"] = text == whole.choices[0].message.content
    try:
        client.chat.completions.create(model="none", messages=messages)
    except openai.NotFoundError as error:
        results["unknown_model"] = error.code
    return whole.choices[0].message.content


results["plain"] = plain()
results["streamed"] = streamed()
results["library"] = library()
print(json.dumps(results))
