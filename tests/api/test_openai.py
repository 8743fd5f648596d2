"""OpenAI's Python client against `loam serve` with the default model: nothing of the client is changed but its address."""
import concurrent.futures
import json
import math
import os
import socket
import sys
import time

import openai

import serving

server = serving.Server(os.environ["LOAM"])
client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=120)
SKY = [{"role": "user", "content": "What colour is the sky?"}]  # llama.cpp: "The sky is a beautiful shade of blue. …"
STORY = [{"role": "user", "content": "Tell me a story about a lighthouse."}]


def chat(messages=SKY, **fields):
    return client.chat.completions.create(model="default", messages=messages, **fields)


def text(answer):
    return answer.choices[0].message.content


def expect(error, call, **wanted):
    """That call() fails with error; attributes of the error are compared."""
    try:
        call()
    except error as e:
        for name, value in wanted.items():
            assert getattr(e, name) == value, f"{name} is {getattr(e, name)!r}: {e}"
        return str(e)
    raise AssertionError(f"no {error.__name__}")


def models():
    (model,) = client.models.list().data
    assert model.object == "model" and model.owned_by
    assert client.models.retrieve(model.id).id == model.id
    expect(openai.NotFoundError, lambda: client.models.retrieve("gpt-4o"), code="model_not_found")


def answers():
    a = chat(temperature=0)
    # the first words; further on, near-ties of a small 4-bit model fall differently with each instruction set
    assert text(a).startswith("The sky is") and "blue" in text(a), text(a)
    assert a.object == "chat.completion" and a.choices[0].message.role == "assistant"
    assert a.choices[0].finish_reason == "stop", a.choices[0].finish_reason
    assert a.usage.total_tokens == a.usage.prompt_tokens + a.usage.completion_tokens
    assert "<|im_end|>" not in text(a)


def stream_equals_whole():
    fields = dict(messages=STORY, temperature=0.9, seed=7, max_tokens=60)
    whole = chat(**fields)
    chunks = list(chat(stream=True, stream_options={"include_usage": True}, **fields))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text(whole)
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert len({c.id for c in chunks}) == 1 and len(chunks) > 20


def stream_helper():
    with client.chat.completions.stream(model="default", messages=SKY, temperature=0) as events:
        for _ in events:
            pass
        assert "blue" in events.get_final_completion().choices[0].message.content


def seeds():
    fields = dict(messages=STORY, temperature=1.0, max_tokens=30)
    once, again = (text(chat(seed=11, **fields)) for _ in range(2))
    assert once == again
    assert len({text(chat(seed=s, **fields)) for s in range(4)}) > 1
    drawn = chat(**fields)
    assert text(chat(seed=drawn.model_extra["loam"]["seed"], **fields)) == text(drawn)


def stops():
    whole = text(chat(STORY, temperature=0, max_tokens=40))
    cut = whole[len(whole) // 2:][:6]
    a = chat(STORY, temperature=0, max_tokens=40, stop=[cut, "never in the text"])
    assert text(a) == whole[:whole.index(cut)] and a.choices[0].finish_reason == "stop"
    assert a.model_extra["loam"]["stop"] == cut
    pieces = [c.choices[0].delta.content or "" for c in
              chat(STORY, temperature=0, max_tokens=40, stop=cut, stream=True) if c.choices]
    assert "".join(pieces) == text(a)


def lengths():
    for n in (1, 2, 17):
        a = chat(STORY, max_completion_tokens=n, seed=1)
        assert a.choices[0].finish_reason == "length" and a.usage.completion_tokens == n


def logprobs():
    a = chat(temperature=0, max_tokens=12, logprobs=True, top_logprobs=5)
    content = a.choices[0].logprobs.content
    assert b"".join(bytes(t.bytes) for t in content).decode().startswith(text(a))
    for t in content:
        assert len(t.top_logprobs) == 5 and t.logprob <= 0
        assert t.token == t.top_logprobs[0].token and t.logprob == t.top_logprobs[0].logprob  # greedy takes the best
        assert 0.2 < sum(math.exp(o.logprob) for o in t.top_logprobs) <= 1.0001
    first = server.post("/tokenize", {"content": content[0].token})["tokens"]
    assert len(first) == 1
    other = chat(temperature=0, max_tokens=1, logit_bias={str(first[0]): -100})
    assert not text(a).startswith(text(other))


def cached_prefix():
    turn = chat(temperature=0, max_tokens=20)
    history = SKY + [{"role": "assistant", "content": text(turn)}, {"role": "user", "content": "And the sea?"}]
    second = chat(history, temperature=0, max_tokens=20)
    assert second.usage.prompt_tokens_details.cached_tokens > 20, second.usage
    assert second.model_extra["timings"]["prompt_n"] < second.usage.prompt_tokens


def completions():
    prompt = "The quick brown fox jumps over the lazy"
    a = client.completions.create(model="default", prompt=prompt, temperature=0, max_tokens=5)
    assert a.object == "text_completion" and a.choices[0].text and a.choices[0].finish_reason == "length"
    ids = server.post("/tokenize", {"content": prompt, "add_special": True})["tokens"]
    b = client.completions.create(model="default", prompt=ids, temperature=0, max_tokens=5)
    assert b.choices[0].text == a.choices[0].text and b.usage.prompt_tokens == len(ids)
    c = client.completions.create(model="default", prompt=[prompt], temperature=0, max_tokens=5, echo=True)
    assert c.choices[0].text == prompt + a.choices[0].text
    chunks = client.completions.create(model="default", prompt=prompt, temperature=0, max_tokens=5, stream=True)
    assert "".join(c.choices[0].text for c in chunks if c.choices) == a.choices[0].text
    d = client.completions.create(model="default", prompt=prompt, temperature=0, max_tokens=5, logprobs=2)
    assert "".join(d.choices[0].logprobs.tokens) == a.choices[0].text
    assert all(len(top) == 2 for top in d.choices[0].logprobs.top_logprobs)


def tokens_round_trip():
    for s in ("", "plain", "  two  spaces\n\n\ttab", "naïve 你好 👩‍👩‍👧 \u202e", "<|im_start|>user<|im_end|>"):
        ids = server.post("/tokenize", {"content": s})["tokens"]
        assert server.post("/detokenize", {"tokens": ids})["content"] == s, s


def errors():
    expect(openai.BadRequestError, lambda: chat(temperature=3), param="temperature", type="invalid_request_error")
    expect(openai.BadRequestError, lambda: chat(n=2), param="n")
    expect(openai.BadRequestError, lambda: chat(messages=[]), param="messages")
    expect(openai.BadRequestError, lambda: chat([{"role": "wizard", "content": "x"}]), param="messages")
    expect(openai.BadRequestError, lambda: chat(tools=[{"type": "function", "function": {"name": "f"}}]), param="tools")
    expect(openai.BadRequestError, lambda: chat(response_format={"type": "json_object"}), param="response_format")
    expect(openai.BadRequestError, lambda: chat(extra_body={"frobnicate": 1}), param="frobnicate")
    expect(openai.NotFoundError, lambda: client.chat.completions.create(model="gpt-4o", messages=SKY),
           code="model_not_found", type="not_found_error")


def too_long():
    context = client.models.list().data[0].model_extra["meta"]["n_ctx"]
    words = [{"role": "user", "content": "word " * (context + 100)}]
    for stream in (False, True):
        message = expect(openai.BadRequestError, lambda: chat(words, stream=stream), code="context_length_exceeded")
        assert str(context) in message.replace(",", "")


def many_at_once():
    """Eight different questions at once give what each gives alone."""
    asks = [dict(messages=[{"role": "user", "content": f"Tell me about the number {n}."}], seed=n, temperature=0.8,
                 max_tokens=24) for n in range(8)]
    alone = [text(chat(**a)) for a in asks]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda a: text(chat(**a)), asks))
    assert alone == together
    assert len(set(alone)) > 4


def ask_and_leave(stream):
    """A long answer whose client leaves ends; one that runs beside it does not."""
    cancelled, done = server.metric("jobs_cancelled_total"), server.metric("jobs_done_total")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        stays = pool.submit(chat, STORY, max_tokens=100, temperature=0, extra_body={"ignore_eos": True})
        body = json.dumps({"messages": STORY, "ignore_eos": True, "stream": stream, "max_tokens": 4000}).encode()
        with socket.create_connection((server.host, server.port)) as s:
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
                      + body)
            server.wait_for("requests_processing", lambda n: n >= 1)
            time.sleep(0.2)
        server.wait_for("jobs_cancelled_total", lambda n: n == cancelled + 1)
        assert stays.result().usage.completion_tokens == 100
    server.wait_for("requests_processing", lambda n: n == 0)
    assert server.metric("jobs_done_total") == done + 1


def client_cancels():
    """The client's own way of stopping a stream."""
    cancelled = server.metric("jobs_cancelled_total")
    stream = chat(STORY, stream=True, max_tokens=4000, extra_body={"ignore_eos": True})
    for _, _ in zip(range(5), stream):
        pass
    stream.close()
    server.wait_for("jobs_cancelled_total", lambda n: n == cancelled + 1)


def metrics():
    text_before = server.get("/metrics")
    chat(max_tokens=5, temperature=0, extra_body={"ignore_eos": True})
    names = ("prompt_tokens_total prompt_seconds_total prompt_tokens_seconds tokens_predicted_total "
             "tokens_predicted_seconds_total predicted_tokens_seconds requests_processing requests_deferred n_tokens_max "
             "n_decode_total n_busy_slots_per_decode").split()
    for name in names:
        server.metric(name)
    before = float([line for line in text_before.splitlines() if line.startswith("loam_tokens_predicted_total ")][0].split()[1])
    assert server.metric("tokens_predicted_total") == before + 5
    assert 'loam_time_to_first_token_seconds_count{method="POST",path="/v1/chat/completions"' in server.get("/metrics")


def keys():
    with serving.Server(os.environ["LOAM"], "--api-key", "sesame", key="sesame") as closed:
        def using(key):
            return openai.OpenAI(base_url=closed.url + "/v1", api_key=key, max_retries=0)
        expect(openai.AuthenticationError, using("wrong").models.list, code="invalid_api_key", type="authentication_error")
        assert using("sesame").models.list().data
        assert json.loads(closed.get("/health")) == {"status": "ok"}
    assert closed.status == 0


def stops_quickly():
    """SIGTERM in the middle of an answer: the stream ends with an error, the program with 0."""
    stream = chat(STORY, stream=True, max_tokens=4000, extra_body={"ignore_eos": True})
    next(stream)
    start = time.monotonic()
    server.__exit__()
    assert time.monotonic() - start < 5 and server.status == 0, (time.monotonic() - start, server.status, server.lines)
    expect(openai.APIError, lambda: [c for c in stream])


with server:
    status = serving.run([
        ("the model is listed", models),
        ("a greedy answer is right and counted", answers),
        ("a stream says what the whole answer says", stream_equals_whole),
        ("the client's stream helper works", stream_helper),
        ("a seed repeats an answer, also one that the server drew", seeds),
        ("stop strings cut, whole and streamed", stops),
        ("max_tokens is kept", lengths),
        ("log-probabilities are those of the answer", logprobs),
        ("a second turn reuses the first", cached_prefix),
        ("plain completions: text, ids, echo, stream, logprobs", completions),
        ("tokenize and detokenize are inverse", tokens_round_trip),
        ("errors are the client's exceptions", errors),
        ("a prompt longer than the context is refused with both numbers", too_long),
        ("eight at once answer as alone", many_at_once),
        ("a client that leaves cancels its job, streamed", lambda: ask_and_leave(True)),
        ("a client that leaves cancels its job, whole", lambda: ask_and_leave(False)),
        ("closing a stream cancels its job", client_cancels),
        ("metrics have llama.cpp's names and count", metrics),
        ("an API key is asked for", keys),
        ("the server stops in the middle of an answer", stops_quickly),
    ])
sys.exit(status)
