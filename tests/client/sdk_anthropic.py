"""The official Anthropic SDK against `/v1/messages`, `/v1/messages/count_tokens` and `/v1/models`.

Started by a Rust test that sets BRANCHLINE_URL, BRANCHLINE_TOKEN and BRANCHLINE_MODEL (default "auto").
What the model says is in `scripted.json`:

| prompt                            | answer                                                          |
|-----------------------------------|-----------------------------------------------------------------|
| say hello                         | Hello from the simulator.                                       |
| who are you (system: a pirate)    | Arr, I am a pirate.                                             |
| use the weather tool              | call get_weather(Paris), then: It is sunny in Paris.            |
| compare the weather of two cities | calls for Paris and Zürich, then: Paris is warmer than Zürich.  |
| what is in this picture           | It is a red square.                                             |
| think before you answer           | thinking, then: I thought about it.                             |
| count to one hundred              | one two three, cut at max_tokens                                |
| be overloaded                     | 503 or 529 from every backend                                   |
"""

import anthropic
import pytest

from scripted import (
    MODEL, TOKEN, UNKNOWN_MODEL, URL, WEATHER_SCHEMA, after_result, calls, prompt, red_square_png, text,
)

WEATHER = {"name": "get_weather", "description": "Weather of a city", "input_schema": WEATHER_SCHEMA}


def client(token=TOKEN):
    return anthropic.Anthropic(base_url=URL, auth_token=token, api_key=None, max_retries=0, timeout=60)


def user(content):
    return {"role": "user", "content": content}


def ask(content, **more):
    fields = {"model": MODEL, "max_tokens": 1024, "messages": [user(content)], **more}
    return client().messages.create(**fields)


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def calls_of(message):
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


def test_a_plain_answer_is_complete():
    message = ask(prompt("hello"))
    assert text_of(message) == text("hello")
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert message.id and message.model
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0


def test_a_streamed_answer_is_the_same_answer():
    fields = {"model": MODEL, "max_tokens": 1024, "messages": [user(prompt("hello"))]}
    with client().messages.stream(**fields) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert "".join(pieces) == text_of(message) == text("hello")
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0


def test_stream_events_come_in_the_documented_order():
    kinds = [event.type for event in ask(prompt("hello"), stream=True) if event.type != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}


@pytest.mark.parametrize("system", ["You are a pirate.", [{"type": "text", "text": "You are a pirate."}]])
def test_the_system_prompt_reaches_the_model(system):
    assert text_of(ask(prompt("system"), system=system)) == text("system")


@pytest.mark.parametrize("name", ["tool", "parallel"])
def test_tools_go_there_and_back(name):
    first = ask(prompt(name), tools=[WEATHER])
    assert first.stop_reason == "tool_use"
    assert calls_of(first) == calls(name)
    second = client().messages.create(
        model=MODEL, max_tokens=1024, tools=[WEATHER], messages=answered(name, first.content)
    )
    assert text_of(second) == after_result(name)
    assert second.stop_reason == "end_turn"


@pytest.mark.parametrize("name", ["tool", "parallel"])
def test_streamed_tools_go_there_and_back(name):
    fields = {"model": MODEL, "max_tokens": 1024, "tools": [WEATHER]}
    with client().messages.stream(**fields, messages=[user(prompt(name))]) as stream:
        first = stream.get_final_message()
    assert first.stop_reason == "tool_use"
    assert calls_of(first) == calls(name)
    with client().messages.stream(**fields, messages=answered(name, first.content)) as stream:
        assert stream.get_final_text() == after_result(name)


def answered(name, content):
    """The conversation with a result for every call of the assistant's message."""
    ids = [block.id for block in content if block.type == "tool_use"]
    assert len(ids) == len(set(ids))
    results = [{"type": "tool_result", "tool_use_id": id, "content": "sunny"} for id in ids]
    return [user(prompt(name)), {"role": "assistant", "content": content}, user(results)]


def test_a_failed_tool_is_a_result_too():
    first = ask(prompt("tool"), tools=[WEATHER])
    messages = answered("tool", first.content)
    messages[-1]["content"][0] |= {"is_error": True, "content": [{"type": "text", "text": "no such city"}]}
    second = client().messages.create(model=MODEL, max_tokens=1024, tools=[WEATHER], messages=messages)
    assert text_of(second) == after_result("tool")


def png_block():
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": red_square_png()}}


def test_a_picture_is_seen():
    message = ask([png_block(), {"type": "text", "text": prompt("image")}])
    assert text_of(message) == text("image")


def test_a_picture_in_a_tool_result_is_seen():
    call = {"type": "tool_use", "id": "toolu_picture", "name": "take_picture", "input": {}}
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": [png_block()]}
    camera = {"name": "take_picture", "description": "A photo", "input_schema": {"type": "object", "properties": {}}}
    message = client().messages.create(
        model=MODEL, max_tokens=1024, tools=[camera],
        messages=[user(prompt("image")), {"role": "assistant", "content": [call]}, user([result])],
    )
    assert text_of(message) == text("image")


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_is_a_block_of_its_own(stream):
    fields = {
        "model": MODEL, "max_tokens": 4096, "messages": [user(prompt("thinking"))],
        "thinking": {"type": "enabled", "budget_tokens": 2048},
    }
    if stream:
        with client().messages.stream(**fields) as events:
            message = events.get_final_message()
    else:
        message = client().messages.create(**fields)
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert "think" in message.content[0].thinking
    assert text_of(message) == text("thinking")


def test_an_answer_cut_at_the_limit_says_so():
    message = ask(prompt("cut"), max_tokens=3)
    assert (text_of(message), message.stop_reason) == (text("cut"), "max_tokens")


def test_counted_tokens_include_system_and_tools():
    def count(**more):
        return client().messages.count_tokens(model=MODEL, messages=[user(prompt("hello"))], **more).input_tokens

    bare, system, tools = count(), count(system="You are a pirate."), count(tools=[WEATHER])
    assert 0 < bare < system
    assert bare < tools


def test_models_are_listed_in_anthropics_shape():
    models = list(client().models.list(limit=1000))
    # Claude Code keeps only ids that begin with "claude" or "anthropic".
    assert "anthropic/auto" in [model.id for model in models]
    assert all(model.type == "model" and model.display_name and model.created_at for model in models)


def test_headers_say_where_the_request_went():
    raw = client().messages.with_raw_response.create(
        model=MODEL, max_tokens=1024, messages=[user(prompt("hello"))]
    )
    assert ":" in raw.headers["x-branchline-model"]
    assert raw.headers["x-branchline-reason"]
    assert raw.headers["x-branchline-request-id"]


def test_an_api_key_header_is_as_good_as_a_bearer_token():
    keyed = anthropic.Anthropic(base_url=URL, api_key=TOKEN, auth_token=None, max_retries=0, timeout=60)
    message = keyed.messages.create(model=MODEL, max_tokens=64, messages=[user(prompt("hello"))])
    assert text_of(message) == text("hello")


def error_type(caught, kind):
    """The error object of the body, whose type must be `kind`."""
    body = caught.value.body
    assert body["type"] == "error"
    assert body["error"]["type"] == kind
    assert body["error"]["message"]


def test_a_wrong_token_is_an_authentication_error():
    with pytest.raises(anthropic.AuthenticationError) as caught:
        client(token="not-the-token").messages.create(
            model=MODEL, max_tokens=64, messages=[user(prompt("hello"))]
        )
    error_type(caught, "authentication_error")


def test_an_unknown_model_ref_is_not_found():
    with pytest.raises(anthropic.NotFoundError) as caught:
        ask(prompt("hello"), model=UNKNOWN_MODEL)
    error_type(caught, "not_found_error")
    assert UNKNOWN_MODEL in caught.value.body["error"]["message"]


@pytest.mark.parametrize("messages", [[], "not a list", [{"role": "user", "content": 42}], [{"role": "nobody", "content": "x"}]])
def test_a_broken_request_is_a_bad_request(messages):
    with pytest.raises(anthropic.BadRequestError) as caught:
        ask("", messages=messages)
    error_type(caught, "invalid_request_error")


@pytest.mark.parametrize("stream", [False, True])
def test_an_overloaded_upstream_is_a_server_error(stream):
    with pytest.raises(anthropic.InternalServerError) as caught:
        for _ in ask(prompt("overloaded"), stream=stream):
            pass
    error_type(caught, "overloaded_error")
    # Both are what the SDKs and Claude Code retry; 529 is Anthropic's own number for it.
    assert caught.value.status_code in (503, 529)
