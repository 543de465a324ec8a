"""Which page answers to which address."""

from aiohttp import web

from server.moodle.site import Site
from server.moodle.web import admin, broadcast, devices, login, preferences
from server.moodle.web.pages import Handler, Pages


def routes(site: Site) -> list[tuple[str, str, Handler]]:
    """(method, path below wwwroot, handler) of all pages."""
    pages = Pages(site)
    logins = login.LoginPages(pages)
    own = preferences.PreferencesPage(pages)
    phones = devices.DeviceActions(pages)
    admins = admin.AdminPages(pages)
    broadcasts = broadcast.BroadcastPage(pages)
    served: list[tuple[str, str, Handler]] = [
        ("GET", "/", logins.front),
        ("GET", login.PATH, logins.form),
        ("POST", login.PATH, logins.login),
        ("POST", login.LOGOUT_PATH, logins.logout),
        ("GET", preferences.PATH, own.form),
        ("POST", preferences.PATH, own.save),
        ("GET", admin.SETTINGS_PATH, admins.settings),
        ("POST", admin.SETTINGS_PATH, admins.settings),
        ("GET", admin.OUTPUTS_PATH, admins.outputs),
        ("POST", admin.OUTPUTS_PATH, admins.outputs),
        ("GET", broadcast.PATH, broadcasts.form),
        ("POST", broadcast.PATH, broadcasts.send),
    ]
    scripts = [(method, devices.PATH, phones.handle) for method in ("POST", "DELETE")]
    return [
        *((method, path, pages.page(handler)) for method, path, handler in served),
        *((method, path, pages.script(handler)) for method, path, handler in scripts),
    ]


def add_routes(router: web.UrlDispatcher, prefix: str, site: Site) -> None:
    """Serve the pages below the path of wwwroot."""
    for method, path, handler in routes(site):
        router.add_route(method, prefix + path, handler)
