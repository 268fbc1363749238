"""OpenAI's own client for Python, unchanged but for its base_url, on a running pipeline.

Takes one JSON object as its argument: base_url, api_key, limited_key, reader_key, mock_url, body_bytes_max, tag. Prints one JSON line for
each check: {"check", "ok", "error"?, "ms"}.
"""

import asyncio
import base64
import http.server
import json
import struct
import sys
import threading
import time
import traceback
import urllib.request

import openai
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

GIVEN = json.loads(sys.argv[1])
WAIT_S = 60
PAUSE_S = 0.05
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "How it is there",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
ENDED = ("completed", "failed", "expired", "cancelled")
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def client_of(**more):
    return OpenAI(**{"base_url": GIVEN["base_url"], "api_key": GIVEN["api_key"], "max_retries": 0, **more})


client = client_of()


def ask(content, **more):
    return {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": content}], **more}


def chat(content, of=None, **more):
    return (of or client).chat.completions.create(**ask(content, **more))


def until(what, condition):
    end = time.monotonic() + WAIT_S
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"{what}: not within {WAIT_S} s"
        time.sleep(PAUSE_S)


def get(path, **params):
    return client.get(path, cast_to=object, options={"params": params})


def post(path, body):
    return client.post(path, cast_to=object, body=body)


def stored(id):
    def look():
        found = get(f"/requests/{id}")
        return found if "result" in found else None

    return until(f"{id} has ended", look)


def mock(path):
    with urllib.request.urlopen(GIVEN["mock_url"] + path) as reply:
        return json.load(reply)


def calls_of(id):
    return {one["id"]: one["calls"] for one in mock("/stats/calls?min=1&limit=100000")["ids"]}.get(id, 0)


def raises(kind, status, code, call):
    try:
        call()
    except kind as error:
        assert (error.status_code, error.code) == (status, code), (error.status_code, error.code)
        return error
    raise AssertionError(f"no {kind.__name__}")


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


class Receiver:
    def __init__(self):
        heard = self.heard_all = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                heard.append((self.path, body, dict(self.headers)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def heard(self, path, word):
        def look():
            return next((one for one in list(self.heard_all) if one[0] == path and word in one[1]), None)

        return until(f"a webhook at {path} with {word}", look)


hooks = Receiver()


@check
def chat_has_its_answer_and_headers():
    raw = client.chat.completions.with_raw_response.create(**ask("plain"))
    answer = raw.parse()
    assert answer.object == "chat.completion" and answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert raw.headers["x-sluice-id"].startswith("req_")
    found = [raw.headers[f"x-sluice-{name}"] for name in ("tier", "model", "cache")]
    assert found == ["small", "gpt-4.1-mini", "miss"], found
    assert float(raw.headers["x-sluice-cost-usd"]) > 0
    for name, limit in (("requests", 100_000), ("tokens", 100_000_000)):
        assert int(raw.headers[f"x-ratelimit-limit-{name}"]) == limit
        assert int(raw.headers[f"x-ratelimit-remaining-{name}"]) < limit
        assert raw.headers[f"x-ratelimit-reset-{name}"]
    again = client.chat.completions.with_raw_response.create(**ask("plain"))
    assert again.headers["x-sluice-cache"] == "exact"
    assert again.parse().choices == answer.choices


@check
def every_parameter_comes_to_the_model_as_it_is():
    body = {
        "model": "echo",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "name": "someone",
                "content": [
                    {"type": "text", "text": "What is this? \u00e4\u00f6\u00fc \U0001f600"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Ulm"}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        ],
        "frequency_penalty": 0.1,
        "logit_bias": {"50256": -100},
        "logprobs": True,
        "top_logprobs": 2,
        "max_completion_tokens": 100,
        "metadata": {"team": "a"},
        "modalities": ["text"],
        "n": 1,
        "parallel_tool_calls": False,
        "prediction": {"type": "content", "content": "It is"},
        "presence_penalty": -0.1,
        "prompt_cache_key": "key",
        "reasoning_effort": "low",
        "response_format": {"type": "text"},
        "safety_identifier": "hash",
        "seed": 7,
        "service_tier": "default",
        "stop": ["\n\n", "END"],
        "store": False,
        "temperature": 0.3,
        "tool_choice": "auto",
        "tools": [WEATHER],
        "top_p": 0.9,
        "user": "u-1",
        "verbosity": "low",
        "web_search_options": {"search_context_size": "low"},
    }
    extra = {"vendor_option": {"nested": [1, 2.5, "three", None, True]}}
    answer = client.chat.completions.create(**body, extra_body=extra)
    assert json.loads(answer.choices[0].message.content) == {**body, **extra}
    streamed = {**body, "seed": 8, "stream": True}
    text = text_of(client.chat.completions.create(**streamed, extra_body=extra))
    # Usage is always asked for: it is what the request costs.
    assert json.loads(text) == {**streamed, **extra, "stream_options": {"include_usage": True}}


@check
def a_stream_is_the_result_and_comes_from_the_cache_too():
    body = ask("[[mock tokens=40 itl_ms=5]] stream", stream=True)
    raw = client.chat.completions.with_raw_response.create(**body)
    assert raw.headers["x-sluice-tier"] == "small"
    assert raw.headers["x-ratelimit-limit-requests"] == "100000"
    chunks = list(raw.parse())
    assert len(chunks) > 10, len(chunks)
    assert all(chunk.usage is None for chunk in chunks)
    result = stored(raw.headers["x-sluice-id"])["result"]
    assert text_of(chunks) == result["response"]["choices"][0]["message"]["content"]
    again = client.chat.completions.with_raw_response.create(**body, stream_options={"include_usage": True})
    assert again.headers["x-sluice-cache"] == "exact"
    cached = list(again.parse())
    assert text_of(cached) == text_of(chunks)
    assert cached[-1].usage.completion_tokens == 40


@check
def a_stream_says_what_was_used_where_asked():
    chunks = list(chat("[[mock tokens=12]] usage", stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 12


@check
def a_stream_is_read_by_the_helper():
    with client.chat.completions.stream(**ask("[[mock tokens=20]] helper")) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert "content.delta" in kinds and "content.done" in kinds, kinds
    assert final.choices[0].finish_reason == "stop" and final.choices[0].message.content


@check
def a_stream_that_is_left_is_cancelled_and_the_call_ends():
    raw = client.chat.completions.with_raw_response.create(**ask("[[mock tokens=300 itl_ms=50]] left", stream=True))
    stream = raw.parse()
    next(iter(stream))
    stream.close()
    ended = stored(raw.headers["x-sluice-id"])
    assert ended["status"] == "cancelled", ended["status"]
    assert ended["result"]["usage"]["completion_tokens"] < 300
    until("no call is under way", lambda: mock("/stats")["concurrency"] == 0)


@check
def many_at_once_have_each_their_own():
    async def all_of(texts):
        async with AsyncOpenAI(base_url=GIVEN["base_url"], api_key=GIVEN["api_key"], max_retries=0) as many:
            calls = [many.chat.completions.create(**ask(text, model="echo")) for text in texts]
            return [json.loads(one.choices[0].message.content) for one in await asyncio.gather(*calls)]

    texts = [f"caller {at}" for at in range(50)]
    assert [one["messages"][0]["content"] for one in asyncio.run(all_of(texts))] == texts


@check
def tools_are_called_and_told():
    body = ask("weather in Ulm", tools=[WEATHER], tool_choice="required")
    choice = client.chat.completions.create(**body).choices[0]
    assert choice.finish_reason == "tool_calls"
    call = choice.message.tool_calls[0]
    assert call.function.name == "weather" and json.loads(call.function.arguments)["city"]
    with client.chat.completions.stream(**ask("weather in Bonn", tools=[WEATHER], tool_choice="required")) as stream:
        made = stream.get_final_completion().choices[0].message.tool_calls[0]
    assert made.function.name == "weather" and json.loads(made.function.arguments)["city"]
    answered = [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
    told = {**body, "tool_choice": "auto", "messages": [*body["messages"], *answered]}
    assert client.chat.completions.create(**told).choices[0].finish_reason == "stop"


class Talk(BaseModel):
    name: str
    seats: int
    speakers: list[str]


@check
def an_answer_is_parsed_by_its_schema():
    parsed = client.chat.completions.parse(**ask("a talk"), response_format=Talk)
    assert isinstance(parsed.choices[0].message.parsed, Talk)
    with client.chat.completions.stream(**ask("another talk"), response_format=Talk) as stream:
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Talk)


@check
def embeddings_are_the_same_as_numbers_and_as_base64():
    body = {"model": "text-embedding-3-small", "input": ["one text", "another"], "dimensions": 8}
    # By itself the client asks for base64 and decodes it.
    decoded = client.embeddings.create(**body)
    floats = client.embeddings.create(**body, encoding_format="float")
    packed = client.embeddings.create(**body, encoding_format="base64")
    assert [one.index for one in decoded.data] == [0, 1] and decoded.usage.prompt_tokens > 0
    for own, number, text in zip(decoded.data, floats.data, packed.data, strict=True):
        # Numbers are written with fewer digits.
        assert all(abs(one - other) < 1e-6 for one, other in zip(own.embedding, number.embedding, strict=True))
        assert list(struct.unpack("<8f", base64.b64decode(text.embedding))) == own.embedding


@check
def models_are_listed_and_found():
    ids = {model.id for model in client.models.list()}
    assert {"auto", "small", "gpt-4.1-mini"} <= ids, ids
    assert client.models.retrieve("gpt-4.1").object == "model"
    raises(openai.NotFoundError, 404, "model_not_found", lambda: client.models.retrieve("none"))


def line(custom_id, content):
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": content}]}
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body})


def run(lines):
    file = client.files.create(file=("in.jsonl", "\n".join(lines).encode()), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"night": "1"}
    )


def ended_batch(id):
    def look():
        batch = client.batches.retrieve(id)
        return batch if batch.status in ENDED else None

    return until(f"the batch {id} has ended", look)


def lines_of(file):
    return [json.loads(one) for one in client.files.content(file).text.splitlines()]


@check
def a_file_is_kept_found_read_and_deleted():
    # Larger than what other bodies may be.
    data = (line("a", "\u00e4 \u20ac \U0001f600" * GIVEN["body_bytes_max"]) + "\n").encode()
    made = client.files.create(file=("an \u00e4.jsonl", data), purpose="batch")
    assert (made.object, made.bytes, made.filename, made.purpose) == ("file", len(data), "an \u00e4.jsonl", "batch")
    assert client.files.retrieve(made.id) == made
    assert made.id in [one.id for one in client.files.list(limit=1)]
    assert client.files.content(made.id).read() == data
    assert client.files.delete(made.id).deleted
    raises(openai.NotFoundError, 404, "not_found", lambda: client.files.content(made.id))


@check
def a_batch_has_an_answer_for_each_line():
    names = [f"line-{at}" for at in range(8)]
    made = run([*(line(name, f"batch {name}") for name in names), line("bad", "[[mock fault=400]] bad")])
    assert made.object == "batch" and made.metadata == {"night": "1"}
    batch = ended_batch(made.id)
    assert batch.status == "completed", batch.status
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (9, 8, 1), counts
    output = lines_of(batch.output_file_id)
    assert sorted(one["custom_id"] for one in output) == names
    assert all(one["response"]["body"]["choices"][0]["message"]["content"] for one in output)
    assert [(one["custom_id"], one["response"]["status_code"]) for one in lines_of(batch.error_file_id)] == [("bad", 400)]
    assert made.id in [one.id for one in client.batches.list(limit=1)]


@check
def a_batch_names_each_bad_line_by_number():
    batch = ended_batch(run([line("a", "fine"), "{", line("b", "fine"), line("a", "twice")]).id)
    assert batch.status == "failed"
    assert [error.line for error in batch.errors.data] == [2, 4], batch.errors


@check
def a_batch_is_cancelled_and_keeps_what_it_had():
    slow = [line(f"s-{at}", f"[[mock latency_ms=60000]] cancel {at}") for at in range(4)]
    made = run([line("quick", "cancel quick"), *slow])
    until("one line is done", lambda: client.batches.retrieve(made.id).request_counts.completed == 1)
    assert client.batches.cancel(made.id).status in ("cancelling", "cancelled")
    batch = ended_batch(made.id)
    assert (batch.status, batch.request_counts.completed) == ("cancelled", 1)
    assert [one["custom_id"] for one in lines_of(batch.output_file_id)] == ["quick"]


@check
def an_endpoint_hears_of_a_batch():
    made = post("/webhooks", {"url": hooks.url("/batches"), "events": ["batch.completed"]})
    batch = run([line("only", "for a webhook")])
    _, body, headers = hooks.heard("/batches", batch.id)
    event = client.webhooks.unwrap(body, headers, secret=made["secret"])
    assert (event.type, event.data.id) == ("batch.completed", batch.id)
    try:
        client.webhooks.unwrap(body.replace(batch.id, "batch_0"), headers, secret=made["secret"])
        raise AssertionError("a changed body was taken")
    except openai.InvalidWebhookSignatureError:
        pass


@check
def a_callback_hears_of_its_request():
    secret = post("/webhooks/callbacks/rotate", {})["secret"]
    body = {"messages": [{"role": "user", "content": "call me"}]}
    taken = post("/requests", {"body": body, "callback": {"url": hooks.url("/callback")}})
    _, text, headers = hooks.heard("/callback", taken["id"])
    event = client.webhooks.unwrap(text, headers, secret=secret)
    assert event.type == "request.completed"
    assert json.loads(text)["data"]["result"]["status"] == "succeeded"
    refused = {"body": body, "callback": {"url": "http://10.0.0.1/"}}
    error = raises(openai.BadRequestError, 400, "invalid_request", lambda: post("/requests", refused))
    assert error.param == "callback.url", error.param


@check
def failures_are_of_the_clients_own_classes():
    raises(openai.BadRequestError, 400, "invalid_request", lambda: chat("x", temperature=9))
    raises(openai.BadRequestError, 400, "provider_rejected", lambda: chat("[[mock fault=400]]"))
    stranger = client_of(api_key="slc_unknown")
    raises(openai.AuthenticationError, 401, "api_key_invalid", lambda: chat("x", of=stranger))
    reader = client_of(api_key=GIVEN["reader_key"])
    raises(openai.PermissionDeniedError, 403, "scope_missing", lambda: chat("x", of=reader))
    raises(openai.NotFoundError, 404, "model_unknown", lambda: chat("x", model="none"))
    raises(openai.APIStatusError, 413, "request_too_large", lambda: chat("x" * GIVEN["body_bytes_max"]))
    raises(openai.InternalServerError, 502, "provider_error", lambda: chat("[[mock fault=500]]"))
    raises(openai.BadRequestError, 400, "provider_rejected", lambda: chat("[[mock fault=400]] s", stream=True))
    broken = chat("[[mock fault=truncate tokens=40 itl_ms=5]] stream", stream=True)
    try:
        list(broken)
        raise AssertionError("a broken stream ended well")
    except openai.APIError as error:
        assert error.code == "provider_stream_broken", error.code


@check
def a_429_is_waited_out_by_the_client():
    impatient = client_of(api_key=GIVEN["limited_key"])

    def rejected():
        try:
            chat("limited", of=impatient)
        except openai.RateLimitError as error:
            return error

    error = until("the limit is reached", rejected)
    assert error.code == "rate_limited"
    assert float(error.response.headers["retry-after-ms"]) <= 1_000
    assert int(error.response.headers["retry-after"]) >= 1
    assert chat("limited", of=client_of(api_key=GIVEN["limited_key"], max_retries=3)).choices


@check
def a_5xx_is_tried_again_but_not_what_would_be_paid_twice():
    patient = client_of(max_retries=2)
    assert "heals" in chat("[[fail 1]] heals", of=patient, model="echo").choices[0].message.content
    before = mock("/stats")["calls"]
    raises(
        openai.InternalServerError, 502, "provider_garbage", lambda: chat("[[mock fault=garbage]]", of=patient)
    )
    assert mock("/stats")["calls"] == before + 1


@check
def a_caller_that_goes_away_has_its_answer_later():
    body = ask("[[mock latency_ms=1000]] late", extra_headers={"idempotency-key": f"{GIVEN['tag']}-late"})
    try:
        client.chat.completions.create(**body, timeout=0.3)
        raise AssertionError("it was not slow")
    except openai.APITimeoutError:
        pass
    raw = client.chat.completions.with_raw_response.create(**body)
    id = raw.headers["x-sluice-id"]
    kept = stored(id)["result"]["response"]["choices"][0]["message"]["content"]
    assert kept == raw.parse().choices[0].message.content
    assert calls_of(id) == 1


@check
def an_idempotency_key_makes_two_calls_one():
    for stream in (False, True):
        headers = {"idempotency-key": f"{GIVEN['tag']}-key-{stream}"}
        body = {**ask(f"[[mock tokens=30]] once {stream}", stream=stream), "extra_headers": headers}
        first = client.chat.completions.with_raw_response.create(**body)
        one = first.parse()
        text = text_of(one) if stream else one.choices[0].message.content
        id = first.headers["x-sluice-id"]
        stored(id)
        second = client.chat.completions.with_raw_response.create(**body)
        other = second.parse()
        assert second.headers["x-sluice-id"] == id and second.headers["idempotent-replayed"] == "true"
        assert text == (text_of(other) if stream else other.choices[0].message.content)
        assert calls_of(id) == 1
        changed = {**body, **ask("something else")}
        raises(
            openai.UnprocessableEntityError,
            422,
            "idempotency_key_reused",
            lambda changed=changed: client.chat.completions.create(**changed),
        )


@check
def a_job_tells_its_events_and_is_listed():
    prompt = [{"role": "user", "content": "[[mock tokens=30 itl_ms=5]] events"}]
    taken = post("/requests", {"body": {"messages": prompt, "stream": True}, "user": "u-events"})
    assert taken["status"] == "queued"
    # The client reads any stream of server-sent events; it gives their data alone.
    path = f"/requests/{taken['id']}/events"
    events = list(client.get(path, cast_to=object, stream=True, stream_cls=openai.Stream[object]))
    states = [event["state"] for event in events if "state" in event]
    assert {"admitted", "routed", "started"} <= set(states) and states[-1] == "ended", states
    told = text_of([ChatCompletionChunk.model_validate(event) for event in events if "choices" in event])
    assert told == events[-1]["result"]["response"]["choices"][0]["message"]["content"]
    page = until("it is listed", lambda: get("/requests", user="u-events")["data"])
    assert [one["id"] for one in page] == [taken["id"]]
    used = {one["user"]: one for one in get("/usage", group_by="user")["data"]}
    assert used["u-events"]["requests"] == 1 and used["u-events"]["cost_usd"] > 0


for function in CHECKS:
    began = time.monotonic()
    told = {"check": function.__name__.replace("_", " "), "ok": True}
    try:
        function()
    except BaseException:
        told = {**told, "ok": False, "error": traceback.format_exc()}
    told["ms"] = round((time.monotonic() - began) * 1000)
    print(json.dumps(told), flush=True)
