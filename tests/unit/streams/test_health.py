from streams.health import Health, Progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_process_is_ready_when_it_waits_for_nothing() -> None:
    health = Health("tenants")
    troubles = ["Kafka is away"]
    health.check("log", lambda: troubles[0] if troubles else None)
    assert health.reasons == {"tenants": "is starting", "log": "Kafka is away"}
    health.serves("tenants")
    assert not health.ready
    troubles.clear()
    assert not health.reasons
    health.waits("database", "does not answer")
    assert health.reasons == {"database": "does not answer"}


def test_work_without_progress_ends_life_and_idleness_does_not() -> None:
    clock, health = Clock(), Health()
    progress = Progress(patience=60, clock=clock)
    health.watch("intake", progress)
    clock.now = 1_000
    assert health.live()
    progress.lagging()
    clock.now = 1_060
    progress.lagging()
    assert health.live()
    clock.now = 1_061
    assert health.stalled == ["intake"]
    progress.advanced()
    assert health.live()
    clock.now = 1_200
    assert not health.live()
    progress.idle()
    assert health.live()
