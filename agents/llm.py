"""The kind `llm`: a language model does work that is described in words, through any endpoint that speaks OpenAI's chat completions."""

import json
import secrets
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator

from agents.brief import BriefInputs, check_answer
from agents.chat import Form, Said, Wrong, chunks_of, complaint, messages, read_answer, said, shown, used
from agents.contract import Agent, AgentError, Control, Inputs, Job, Result
from agents.given import inside
from agents.waiting import pause_s, wait
from models.errors import ArbiterError, Invalid

if TYPE_CHECKING:
    from agents.fetch import Answer, Web
    from store.settings import Fetch

ASKS: Final = 2  # an answer that does not fit is asked for once more
TRIES: Final = 5  # of a request, when the server is unreachable, busy or broken
AFTER_MOST_S: Final = 60.0  # a server that asks to be left alone for longer is left to a later attempt
REPEATED_MOST: Final = 20_000  # characters of a wrong answer that its model is shown again
FILE_MOST: Final = 1_000_000  # bytes of a file that a model is given
_MISUNDERSTOOD: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


class LlmConfig(Inputs):
    """Which model, where, and how much it may use; kept in the agent's row."""

    url: Annotated[str, Field(max_length=500, pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]  # of the endpoint, such as http://127.0.0.1:11434/v1
    model: Annotated[str, Field(min_length=1, max_length=200)]  # as the endpoint calls it
    key: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")] | None = None  # file of its key in the home's keys/llm
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 2048  # that one answer may have
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None  # null: the endpoint's own
    context_tokens: Annotated[int, Field(ge=2, le=100_000_000)] = 32_768  # that the model takes at once, read and written

    @model_validator(mode="after")
    def _answers_fit(self) -> Self:
        if self.max_tokens >= self.context_tokens:
            message = "max_tokens must be less than context_tokens, which count what is read too"
            raise ValueError(message)
        return self

    @property
    def tokens_most(self) -> int:
        """What an attempt may use at most."""
        return ASKS * self.context_tokens

    @property
    def place(self) -> str:
        """The host and port of the endpoint, as `fetch.private_hosts` names them."""
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


class Llm(Agent[BriefInputs]):
    """Asks a model for the answer, and once more when it does not fit, with the error named.

    An operator configured the endpoint, so it may be a private address; a redirect to anywhere else is refused. Retryable are unreachable, busy and
    broken servers and answers that do not fit. What the endpoint charges for a request that was cut off is not known, and said to be so.
    """

    kind = "llm"
    Inputs = BriefInputs

    def __init__(self, fetch: "Fetch") -> None:
        self._fetch = fetch

    def perform(self, job: Job[BriefInputs], control: Control) -> Result:
        """Bring the answer, field by field, as the result's value."""
        from agents.fetch import Web  # noqa: PLC0415 - httpx, only for those who fetch

        config = read_config(job.config)
        control.report(None, "reads its inputs")
        files = {name: _text(job.folder, path) for name, path in job.inputs.files.items()}
        fetch = self._fetch.model_copy(update={"private_hosts": (*self._fetch.private_hosts, config.place)})
        with Web(fetch, control, read_s=max(1.0, control.remaining_s)) as web:
            return Result(value=_Talk(web, control, config, job).answer(files))


def read_config(config: Mapping[str, Any]) -> LlmConfig:
    """Return an agent's configuration. Raises `AgentError` that names what is wrong with it."""
    try:
        return LlmConfig.model_validate(dict(config))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'it'}: {item['msg']}" for item in error.errors())
        message = f"the configuration of this agent is wrong: {wrong}"
        raise AgentError(message) from error


class _Busy(AgentError):
    """The server wants to be asked again later."""

    def __init__(self, message: str, after_s: float) -> None:
        super().__init__(message, retryable=True)
        self.after_s = after_s


class _Talk:
    """The requests of one attempt, and what they may still use."""

    def __init__(self, web: "Web", control: Control, config: LlmConfig, job: Job[BriefInputs]) -> None:
        self._web, self._control, self._config = web, control, config
        self._inputs = job.inputs
        self._secret: SecretStr | None = job.secret
        self._left = config.tokens_most if job.tokens_most is None else min(job.tokens_most, config.tokens_most)
        self._form = Form()
        self._heard = 0  # bytes of the answer

    def answer(self, files: Mapping[str, str]) -> dict[str, Any]:
        """Return an answer that fits."""
        wrong: Wrong | None = None
        for _ in range(ASKS):
            words = self._ask(messages(self._inputs, files, mark=secrets.token_hex(16), wrong=wrong))
            try:
                return check_answer(self._inputs, read_answer(words))
            except Invalid as error:
                wrong = Wrong(answer=words.text[:REPEATED_MOST], why=str(error))
                self._control.report(None, f"asks again: {shown(str(error))}")
        message = f"{self._config.model} was asked {ASKS} times: {wrong.why if wrong else ''}"
        raise AgentError(message, retryable=True)

    def _ask(self, request: list[dict[str, str]]) -> Said:
        """Return the model's words; again after a pause as long as that may help."""
        for failures in range(1, TRIES + 1):
            try:
                return self._once(request)
            except AgentError as error:
                if not error.retryable or failures == TRIES:
                    raise
                pause = max(pause_s(failures), error.after_s if isinstance(error, _Busy) else 0)
                if pause > AFTER_MOST_S:
                    message = f"{error}, and wants to be left alone for {pause:.0f} s"
                    raise AgentError(message, retryable=True) from error
                self._control.report(None, f"{error}; again in {pause:.1f} s")
                wait(self._control, pause)
        message = "no try was left"
        raise AssertionError(message)

    def _once(self, request: list[dict[str, str]]) -> Said:
        answer, size = self._send(request)
        while answer.status in _MISUNDERSTOOD and (weaker := self._form.weaker(answer.body)):
            self._form = weaker
            answer, size = self._send(request)
        if answer.status != HTTPStatus.OK:
            raise self._refused(answer)
        chunks = chunks_of(answer.body)
        self._count(used(chunks), size)
        return said(chunks)

    def _send(self, request: list[dict[str, str]]) -> tuple["Answer", int]:
        """Send a request; return the answer and the most that it can have used, tokens. Raises `AgentError` when not enough is left for it."""
        body: dict[str, Any] = {"model": self._config.model, "messages": request, **self._form.options(self._inputs)}
        if self._config.temperature is not None:
            body["temperature"] = self._config.temperature
        size = len(json.dumps(body, ensure_ascii=False).encode())  # no token is shorter than a byte
        room = self._room(size)
        body[self._form.limit] = room
        most = min(size + room, self._config.context_tokens)
        headers = {"Authorization": f"Bearer {self._secret.get_secret_value()}"} if self._secret else {}
        self._control.report(None, f"asks {self._config.model}")
        self._heard = 0
        sent = self._web.sent
        try:
            url = f"{self._config.url.rstrip('/')}/chat/completions"
            return self._web.send("POST", url, headers=headers, body=body, heard=self._hear), most
        except ArbiterError:  # cut off, by the server or because the attempt must stop
            if self._web.sent > sent:
                self._count(None, most)
            raise

    def _room(self, size: int) -> int:
        """Return how many tokens the answer may have, so that all is within what is left: a model never takes more than its context at once."""
        room = self._config.max_tokens if self._left >= self._config.context_tokens else min(self._config.max_tokens, self._left - size)
        if room < 1:
            message = f"the budget does not allow it: {max(0, self._left)} tokens are left, and to read the work alone may take {size}"
            raise AgentError(message, retryable=True)  # another agent may have more
        return room

    def _count(self, tokens: tuple[int, int] | None, most: int) -> None:
        if tokens is None:
            self._left -= most
            self._control.count_tokens(whole=False)
        else:
            self._left -= sum(tokens)
            self._control.count_tokens(read=tokens[0], wrote=tokens[1])

    def _hear(self, part: bytes) -> None:
        self._heard += len(part)
        self._control.report(None, f"{self._config.model} answers: {self._heard} bytes so far")

    def _refused(self, answer: "Answer") -> AgentError:
        """Return the error for a status; what the server says of it without our key, which some servers repeat."""
        said_why = complaint(answer.body)
        if self._secret:
            said_why = said_why.replace(self._secret.get_secret_value(), "…")
        message = f"{answer.url} answered {answer.status}: {said_why}"
        busy = answer.status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
        if busy or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _Busy(message, _after_s(answer.headers))
        return AgentError(message)


def _after_s(headers: Mapping[str, str]) -> float:
    """Return how long a server wants to be left alone, by its own clock, seconds; 0 when it does not say."""
    wanted = headers.get("retry-after", "").strip()
    if wanted.isascii() and wanted.isdigit():
        return float(wanted[:9])
    try:
        return max(0.0, (parsedate_to_datetime(wanted) - parsedate_to_datetime(headers["date"])).total_seconds())
    except (ValueError, TypeError, KeyError):
        return 0.0


def _text(folder: Path, path: Path) -> str:
    """Return a file's text. Raises `AgentError` when it is too large or no UTF-8."""
    real = inside(folder, path)
    if real.stat().st_size > FILE_MOST:
        message = f"the file {path.name} has more than {FILE_MOST} bytes, the most that a language model is given"
        raise AgentError(message)
    try:
        return real.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the file {path.name} is no UTF-8 text"
        raise AgentError(message) from error
