"""The official OpenAI SDK against `/v1/chat/completions` and `/v1/models`.

Started by a Rust test that sets BRANCHLINE_URL, BRANCHLINE_TOKEN and BRANCHLINE_MODEL (default "auto").
What the model says is in `scripted.json`:

| prompt                            | answer                                                          |
|-----------------------------------|-----------------------------------------------------------------|
| say hello                         | Hello from the simulator.                                       |
| who are you (system: a pirate)    | Arr, I am a pirate.                                             |
| use the weather tool              | call get_weather(Paris), then: It is sunny in Paris.            |
| compare the weather of two cities | calls for Paris and Zürich, then: Paris is warmer than Zürich.  |
| what is in this picture           | It is a red square.                                             |
| count to one hundred              | one two three, cut at max_tokens                                |
| be overloaded                     | 503 or 529 from every backend                                   |
"""

import json

import openai
import pytest

from openai_sdk import client, overloaded
from scripted import MODEL, UNKNOWN_MODEL, WEATHER_SCHEMA, after_result, calls, prompt, red_square_png, text

WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather of a city", "parameters": WEATHER_SCHEMA},
}


def user(content):
    return {"role": "user", "content": content}


def ask(content, **more):
    fields = {"model": MODEL, "messages": [user(content)], **more}
    return client().chat.completions.create(**fields)


def calls_of(message):
    return [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls]


def test_a_plain_answer_is_complete():
    completion = ask(prompt("hello"))
    choice = completion.choices[0]
    assert (completion.object, choice.message.role, choice.finish_reason) == ("chat.completion", "assistant", "stop")
    assert choice.message.content == text("hello")
    assert completion.id and completion.model and completion.created > 0
    assert completion.usage.prompt_tokens > 0 and completion.usage.completion_tokens > 0
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


def test_a_streamed_answer_is_the_same_answer():
    chunks = list(ask(prompt("hello"), stream=True))
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert choices[0].delta.role == "assistant"
    assert "".join(choice.delta.content or "" for choice in choices) == text("hello")
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]


def test_usage_is_streamed_only_when_asked_for():
    asked = list(ask(prompt("hello"), stream=True, stream_options={"include_usage": True}))
    assert asked[-1].choices == [] and asked[-1].usage.completion_tokens > 0
    assert not any(chunk.usage for chunk in asked[:-1])
    assert not any(chunk.usage for chunk in ask(prompt("hello"), stream=True))


def test_the_system_prompt_reaches_the_model():
    messages = [{"role": "system", "content": "You are a pirate."}, user(prompt("system"))]
    assert ask("", messages=messages).choices[0].message.content == text("system")


@pytest.mark.parametrize("name", ["tool", "parallel"])
def test_tools_go_there_and_back(name):
    first = ask(prompt(name), tools=[WEATHER]).choices[0]
    assert first.finish_reason == "tool_calls"
    assert calls_of(first.message) == calls(name)
    second = ask("", tools=[WEATHER], messages=answered(name, first.message)).choices[0]
    assert (second.message.content, second.finish_reason) == (after_result(name), "stop")


def answered(name, message):
    """The conversation with a result for every call of the assistant's message."""
    ids = [call.id for call in message.tool_calls]
    assert len(ids) == len(set(ids))
    results = [{"role": "tool", "tool_call_id": id, "content": "sunny"} for id in ids]
    return [user(prompt(name)), message.model_dump(exclude_none=True), *results]


@pytest.mark.parametrize("name", ["tool", "parallel"])
def test_streamed_tool_calls_are_whole_once_collected(name):
    fields = {"model": MODEL, "messages": [user(prompt(name))], "tools": [WEATHER]}
    collected, finish = {}, None
    for chunk in client().chat.completions.create(**fields, stream=True):
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for piece in choice.delta.tool_calls or []:
                call = collected.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
                call["id"] += piece.id or ""
                call["name"] += piece.function.name or ""
                call["arguments"] += piece.function.arguments or ""
    assert finish == "tool_calls"
    assert all(call["id"] for call in collected.values())
    assert [(call["name"], json.loads(call["arguments"])) for call in collected.values()] == calls(name)


def test_the_stream_helper_collects_tool_calls():
    fields = {"model": MODEL, "messages": [user(prompt("tool"))], "tools": [WEATHER]}
    with client().chat.completions.stream(**fields) as stream:
        message = stream.get_final_completion().choices[0].message
    assert calls_of(message) == calls("tool")


def test_a_picture_is_seen():
    url = f"data:image/png;base64,{red_square_png()}"
    content = [{"type": "text", "text": prompt("image")}, {"type": "image_url", "image_url": {"url": url}}]
    assert ask(content).choices[0].message.content == text("image")


def test_an_answer_cut_at_the_limit_says_so():
    choice = ask(prompt("cut"), max_tokens=3).choices[0]
    assert (choice.message.content, choice.finish_reason) == (text("cut"), "length")


def test_models_are_listed_in_openais_shape():
    models = list(client().models.list())
    assert "auto" in [model.id for model in models]
    assert all(model.object == "model" and model.owned_by for model in models)


def test_headers_say_where_the_request_went():
    raw = client().chat.completions.with_raw_response.create(model=MODEL, messages=[user(prompt("hello"))])
    assert ":" in raw.headers["x-branchline-model"]
    assert raw.headers["x-branchline-reason"]
    assert raw.headers["x-branchline-request-id"]


def test_a_wrong_token_is_an_authentication_error():
    with pytest.raises(openai.AuthenticationError) as caught:
        client(token="not-the-token").chat.completions.create(model=MODEL, messages=[user(prompt("hello"))])
    assert caught.value.code == "invalid_api_key"
    assert caught.value.body["message"]


def test_an_unknown_model_ref_is_not_found():
    with pytest.raises(openai.NotFoundError) as caught:
        ask(prompt("hello"), model=UNKNOWN_MODEL)
    assert caught.value.code == "model_not_found"
    assert UNKNOWN_MODEL in caught.value.body["message"]


@pytest.mark.parametrize("messages", [[], "not a list", [{"role": "user", "content": 42}], [{"role": "nobody", "content": "x"}]])
def test_a_broken_request_is_a_bad_request(messages):
    with pytest.raises(openai.BadRequestError) as caught:
        ask("", messages=messages)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.body["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_overloaded_upstream_is_a_server_error(stream):
    assert overloaded(ask, stream).body["message"]
