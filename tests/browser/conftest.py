"""Pages opened in a headless Chromium, where there is one."""

import pytest

NARROW, WIDE = {"width": 380, "height": 780}, {"width": 1280, "height": 900}


def pytest_collection_modifyitems(items):
    for item in items:
        if "/browser/" in str(item.path):
            item.add_marker(pytest.mark.slow)


class Watched:
    """A page that remembers what it asked for, what went wrong, and every window that popped up."""

    def __init__(self, page):
        self.page, self.requests, self.errors, self.dialogs = page, [], [], []
        page.set_default_timeout(10_000)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))

    def is_wider_than_its_window(self):
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") > 0


@pytest.fixture
def open_page(chromium):
    """open_page(url, viewport=…, …) gives a `Watched` page in a fresh context."""
    contexts = []

    def open_one(url, **settings):
        context = chromium.new_context(**{"viewport": WIDE, **settings})
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.page.goto(url)
        return watched

    yield open_one
    for context in contexts:
        context.close()
