"""Language strings."""


def test_strings_of_a_component_are_listed(stand):
    async def story():
        token = await stand.token("ben")
        name = "core_get_component_strings"
        known = await stand.call(token, name, component="message_airnotifier", lang="es")
        unknown = await stand.call(token, name, component="moodle")
        missing = await stand.call(token, name)
        return known, unknown, missing

    known, unknown, missing = stand.run(story)
    assert {"stringid": "pluginname", "string": "Mobile notifications"} in known
    assert unknown == []
    assert missing["errorcode"] == "invalidparameter"
