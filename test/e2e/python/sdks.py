"""The openai and anthropic libraries with the helpers that their users use. Prints one JSON object of findings.

Environment: BASE_URL (with /v1), API_KEY, MODEL.
"""

import json
import math
import os
from typing import Literal

import anthropic
import openai
from pydantic import BaseModel

base_url = os.environ["BASE_URL"]
model = os.environ["MODEL"]
question = [{"role": "user", "content": "What is the capital of France?"}]
results = {}


class Person(BaseModel):
    name: str
    age: int
    mood: Literal["calm", "merry"]


parameters = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def openai_chat(client):
    with client.chat.completions.stream(model=model, messages=question, temperature=0) as stream:
        text = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion()
    results["openai stream"] = text == final.choices[0].message.content and "Paris" in text

    parsed = client.chat.completions.parse(
        model=model,
        messages=[{"role": "user", "content": "Ada is 36 years old and merry. Answer as JSON."}],
        response_format=Person,
        temperature=0,
        max_completion_tokens=200,
    )
    results["openai parse"] = isinstance(parsed.choices[0].message.parsed, Person)

    tool = {"type": "function", "function": {"name": "get_weather", "parameters": parameters}}
    called = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[tool],
        tool_choice="required",
        temperature=0,
    )
    call = called.choices[0].message.tool_calls[0]
    results["openai tools"] = call.function.name == "get_weather" and "city" in json.loads(call.function.arguments)

    try:
        client.chat.completions.create(model=model, messages=question, temperature=3)
    except openai.BadRequestError as error:
        results["openai error"] = [error.code, error.param, error.request_id is not None]


def openai_others(client):
    data = client.embeddings.create(model=model, input=["one", "two"]).data
    results["openai embeddings"] = all(abs(math.hypot(*item.embedding) - 1) < 1e-3 for item in data)

    completion = client.completions.create(model=model, prompt="The mesh", max_tokens=8, temperature=0)
    streamed = client.completions.create(model=model, prompt="The mesh", max_tokens=8, temperature=0, stream=True)
    text = "".join(chunk.choices[0].text for chunk in streamed if chunk.choices)
    results["openai completions"] = text == completion.choices[0].text

    response = client.responses.create(model=model, input="What is the capital of France?", temperature=0)
    with client.responses.stream(model=model, input="What is the capital of France?", temperature=0) as stream:
        deltas = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    results["openai responses"] = response.output_text == final.output_text == deltas and "Paris" in deltas


def anthropic_messages(client):
    # Today's library has no parameter for the temperature any more.
    exact = {"model": model, "max_tokens": 64, "messages": question, "extra_body": {"temperature": 0}}
    message = client.messages.create(**exact)
    with client.messages.stream(**exact) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    results["anthropic"] = text == message.content[0].text == final.content[0].text and "Paris" in text

    called = client.messages.create(
        model=model,
        max_tokens=128,
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[{"name": "get_weather", "input_schema": parameters}],
        tool_choice={"type": "any"},
        extra_body={"temperature": 0},
    )
    block = next(block for block in called.content if block.type == "tool_use")
    results["anthropic tools"] = [called.stop_reason, block.name, "city" in block.input]

    try:
        client.messages.create(model="nobody", max_tokens=8, messages=question)
    except anthropic.NotFoundError as error:
        results["anthropic error"] = error.body["error"]["type"]


openai_client = openai.OpenAI(api_key=os.environ["API_KEY"], base_url=base_url, max_retries=0)
openai_chat(openai_client)
openai_others(openai_client)
anthropic_messages(
    anthropic.Anthropic(api_key=os.environ["API_KEY"], base_url=base_url.removesuffix("/v1"), max_retries=0)
)
print(json.dumps(results))
