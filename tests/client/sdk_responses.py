"""The official OpenAI SDK against `/v1/responses`.

Started by a Rust test that sets BRANCHLINE_URL, BRANCHLINE_TOKEN and BRANCHLINE_MODEL (default "auto"). What the model
says is in `scripted.json`; the table of it stands in `sdk_openai.py`.
"""

import json

import openai
import pytest

from openai_sdk import client, overloaded
from scripted import MODEL, UNKNOWN_MODEL, WEATHER_SCHEMA, after_result, calls, prompt, red_square_png, text

WEATHER = {
    "type": "function", "name": "get_weather", "description": "Weather of a city", "parameters": WEATHER_SCHEMA,
    "strict": False,
}


def ask(content, **more):
    return client().responses.create(**{"model": MODEL, "input": content, **more})


def calls_of(response):
    found = [item for item in response.output if item.type == "function_call"]
    return [(call.name, json.loads(call.arguments)) for call in found]


def test_a_plain_answer_is_complete():
    response = ask(prompt("hello"), metadata={"run": "7"})
    assert (response.object, response.status, response.output_text) == ("response", "completed", text("hello"))
    assert response.id.startswith("resp_") and response.model and response.created_at > 0
    assert response.error is None and response.incomplete_details is None and response.metadata == {"run": "7"}
    usage = response.usage
    assert usage.input_tokens > 0 and usage.output_tokens > 0
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert usage.input_tokens_details.cached_tokens >= 0 and usage.output_tokens_details.reasoning_tokens >= 0


def test_a_streamed_answer_is_the_same_answer():
    events = list(ask(prompt("hello"), stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"] and kinds[-1] == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == text("hello")
    assert events[-1].response.output_text == text("hello")
    assert events[-1].response.usage.output_tokens > 0


def test_the_stream_helper_collects_the_answer():
    with client().responses.stream(model=MODEL, input=prompt("hello")) as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_text == text("hello")


def test_instructions_reach_the_model():
    assert ask(prompt("system"), instructions="You are a pirate.").output_text == text("system")


def test_a_conversation_is_read_from_the_input():
    messages = [{"role": "developer", "content": "You are a pirate."}, {"role": "user", "content": prompt("system")}]
    assert ask(messages).output_text == text("system")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["tool", "parallel"])
def test_tools_go_there_and_back(name, stream):
    fields = {"model": MODEL, "tools": [WEATHER], "input": [{"role": "user", "content": prompt(name)}]}
    first = last_of(client().responses.create(**fields, stream=True)) if stream else client().responses.create(**fields)
    assert calls_of(first) == calls(name)
    ids = [item.call_id for item in first.output if item.type == "function_call"]
    assert len(ids) == len(set(ids))
    results = [{"type": "function_call_output", "call_id": id, "output": "sunny"} for id in ids]
    history = [item.model_dump(exclude_none=True) for item in first.output]
    second = ask([*fields["input"], *history, *results], tools=[WEATHER])
    assert (second.output_text, second.status) == (after_result(name), "completed")


def last_of(stream):
    """The response the stream ends with; the arguments of its calls came in pieces as well."""
    pieces, last = {}, None
    for event in stream:
        if event.type == "response.function_call_arguments.delta":
            pieces[event.item_id] = pieces.get(event.item_id, "") + event.delta
        if event.type == "response.function_call_arguments.done":
            assert pieces[event.item_id] == event.arguments
        last = event
    return last.response


def test_thoughts_are_a_summary():
    response = ask(prompt("thinking"), reasoning={"effort": "high", "summary": "auto"})
    thoughts = [part.text for item in response.output if item.type == "reasoning" for part in item.summary]
    assert response.output_text == text("thinking") and thoughts in ([], ["Let me think about that."])


def test_a_picture_is_seen():
    url = f"data:image/png;base64,{red_square_png()}"
    content = [{"type": "input_text", "text": prompt("image")}, {"type": "input_image", "image_url": url, "detail": "auto"}]
    assert ask([{"role": "user", "content": content}]).output_text == text("image")


def test_an_answer_cut_at_the_limit_says_so():
    response = ask(prompt("cut"), max_output_tokens=3)
    assert (response.output_text, response.status) == (text("cut"), "incomplete")
    assert response.incomplete_details.reason == "max_output_tokens"


def test_what_is_not_kept_is_a_bad_request():
    with pytest.raises(openai.BadRequestError) as caught:
        ask(prompt("hello"), previous_response_id="resp_1")
    assert "previous_response_id" in caught.value.body["message"] and "hint" in caught.value.body["message"]


def test_a_wrong_token_is_an_authentication_error():
    with pytest.raises(openai.AuthenticationError) as caught:
        client(token="not-the-token").responses.create(model=MODEL, input=prompt("hello"))
    assert caught.value.code == "invalid_api_key"


def test_an_unknown_model_ref_is_not_found():
    with pytest.raises(openai.NotFoundError) as caught:
        ask(prompt("hello"), model=UNKNOWN_MODEL)
    assert caught.value.code == "model_not_found" and UNKNOWN_MODEL in caught.value.body["message"]


@pytest.mark.parametrize("broken", [[], 42, [{"role": "user", "content": 42}], [{"role": "nobody", "content": "x"}]])
def test_a_broken_request_is_a_bad_request(broken):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(broken)
    assert caught.value.type == "invalid_request_error" and caught.value.body["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_overloaded_upstream_is_a_server_error(stream):
    overloaded(ask, stream)
