"""The site decides nothing by chance."""

import pytest


async def story(stand):
    ben, ana = await stand.token("ben"), await stand.token("ana")
    for number in range(3):
        await stand.register(ben, f"token-{number}")
    sesskey = await stand.log_in("ben")
    fields = {
        "sesskey": sesskey,
        "moodle_instantmessage_loggedin[airnotifier]": "1",
        "moodle_instantmessage_loggedoff[airnotifier]": "1",
    }
    async with stand.client.post("http://site.test/message/edit.php", data=fields) as answer:
        assert answer.status == 200
    await stand.send(ana, 2, "hello")


@pytest.mark.determinism
def test_the_same_story_gives_the_same_bytes_on_every_wire(make_stand, tmp_path):
    results = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with make_stand(tmp_path / name) as stand:
            stand.run(lambda stand=stand: story(stand))
            results.append((stand.world.digest(), stand.log))
    assert len(results[0][1]) > 8
    assert results[0] == results[1]
