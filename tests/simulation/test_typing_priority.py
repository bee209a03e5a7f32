"""More messages and typing for WhatsApp than a number may send: typing comes last, or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from msgspec.structs import replace

from schemas.envelope import Envelope, decode_data, envelope
from schemas.events import MessageData, TypingData
from tests.simulation.network import Answer, Exchange, Request
from tests.simulation.staged import Stage, whatsapp_name

MESSAGES_A_SECOND = 5
SECONDS = 120.0
#: Facts a second: the messages alone may be sent, together with typing they may not.
MESSAGES, TYPING = 4.5, 1.5
THREADS = 400
#: The way to the platform, and how often typing looks at whether it is still worth a permit.
JITTER = 0.3
#: Longest wait of a message, for which alone there is always a permit.
PROMPTLY = 1.0


@dataclass(frozen=True)
class Course:
    """A message or typing that was shown, in virtual seconds."""

    is_typing: bool
    appended: float
    called: float

    @property
    def waited(self) -> float:
        """From the log to WhatsApp."""
        return self.called - self.appended


class TypingStage(Stage):
    """Agents who write in many threads, each message and each typing in one of its own."""

    def __init__(self) -> None:
        # More than ever wait, so that everybody asks as soon as it is in the log.
        super().__init__(places=128)
        self.use_throughput(MESSAGES_A_SECOND)
        self.use_clients(60_000)
        self.tenant = self.tenant.model_copy(update={"whatsapp_typing": True})
        self.world.by_name[self.tenant.id] = self.tenant
        self._take = self.world.whatsapp.take
        self.world.whatsapp.take = self._take_typing_too  # type: ignore[method-assign]
        self._appended: dict[str, float] = {}
        self.courses: list[Course] = []

    def _take_typing_too(self, request: Request, exchange: Exchange) -> None:
        is_typing = "typing_indicator" in request.body
        called = asyncio.get_running_loop().time()
        key = str(request.body["message_id"] if is_typing else request.body["recipient"])
        self.courses.append(Course(is_typing, self._appended[key], called))
        if is_typing:
            exchange.answer(0.05, Answer(200, {"success": True}))
        else:
            self._take(request, exchange)

    def before(self) -> None:
        """Every customer has written, so that WhatsApp can show typing under a message."""
        for number in range(THREADS):
            thread = whatsapp_name(f"typing {number}")
            event = self.world.gateway.received(self.tenant, thread)
            data = decode_data(event, MessageData)
            data = replace(data, personal=replace(data.personal, whatsapp_id=f"wamid.{thread}"))
            self.world.gateway.append(self.tenant, self._fact(event, "message.received", data))

    def _fact(self, like: Envelope, type_: str, data: MessageData | TypingData) -> Envelope:
        return envelope(
            id=like.id,
            type=type_,
            source="simulation",
            time=like.time,
            recordedtime=like.recordedtime,
            tenantid=self.tenant.id,
            subject=like.subject,
            data=data,
        )

    async def course(self) -> int:
        """Bring messages and typing; how many of the latter there were."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(10.0)
        began, messages, typing = loop.time(), 0, 0
        while (passed := loop.time() - began) < SECONDS:
            if messages < passed * MESSAGES:
                event = self.reply(f"message {messages}")
                self._appended[event.subject or ""] = loop.time()
                messages += 1
            if typing < passed * TYPING:
                self._type(whatsapp_name(f"typing {typing}"))
                typing += 1
            await asyncio.sleep(0.02)
        await self.settle()
        return typing

    def _type(self, thread: str) -> None:
        like = self.world.gateway.received(self.tenant, thread)
        data = TypingData(channel=self.tenant.channels[0].phone_number_id, customer=thread)
        self._appended[f"wamid.{thread}"] = asyncio.get_running_loop().time()
        self.world.gateway.append(self.tenant, self._fact(like, "typing.started", data))


def test_typing_goes_after_messages_or_is_dropped() -> None:
    stage = TypingStage()
    demanded = stage.play(stage.course)
    messages = [course for course in stage.courses if not course.is_typing]
    typing = [course for course in stage.courses if course.is_typing]
    for name, courses in (("messages", messages), ("typing", typing)):
        longest = max(course.waited for course in courses)
        print(f"{len(courses)} {name} waited {mean(courses):.1f} s, {longest:.1f} s at most")
    print(f"{demanded - len(typing)} of {demanded} typing indicators dropped")
    assert len(messages) >= MESSAGES * SECONDS - 1
    assert max(course.waited for course in messages) < PROMPTLY
    assert 0 < len(typing) < demanded
    assert max(course.waited for course in typing) <= stage.world.settings.typing_max_age + JITTER


def mean(courses: list[Course]) -> float:
    """Of their waits."""
    return sum(course.waited for course in courses) / len(courses)
