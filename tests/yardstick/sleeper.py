"""Somebody who waits: a thread, and what it was told."""

import threading


def asleep(work):
    """Has `work` done in a thread, which sleeps meanwhile."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(work()), daemon=True)
    thread.start()
    return thread, answers


def heard(sleeper, seconds):
    thread, answers = sleeper
    thread.join(seconds)
    return answers[0] if answers else "asleep"
