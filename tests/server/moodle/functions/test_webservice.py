"""The site information."""


def test_the_site_describes_itself_and_its_user(stand):
    async def story():
        return await stand.call(await stand.token("ben"), "moodle_webservice_get_siteinfo")

    info = stand.run(story)
    functions = info.pop("functions")
    assert info.pop("userpictureurl").startswith("http://site.test/")
    assert info == {
        "sitename": "Airbed",
        "username": "ben",
        "firstname": "Ben",
        "lastname": "Reader",
        "fullname": "Ben Reader",
        "lang": "en",
        "userid": 2,
        "siteurl": "http://site.test",
        "downloadfiles": 1,
        "release": "2.5 (Build: 20130514)",
        "version": "2013051400",
        "mobilecssurl": "",
    }
    assert [function["name"] for function in functions] == [
        "moodle_webservice_get_siteinfo",
        "moodle_message_send_instantmessages",
        "core_get_component_strings",
        "message_airnotifier_get_access_key",
        "message_airnotifier_add_user_device",
    ]


def test_the_address_of_the_site_is_written_as_php_writes_it(stand):
    async def story():
        return await stand.raw_call(
            await stand.token("ben"), "moodle_webservice_get_siteinfo", {"serviceshortnames[]": "x"}
        )

    assert r'"siteurl":"http:\/\/site.test"' in stand.run(story)
