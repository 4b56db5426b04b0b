from paytrust.web.answers import made


class TestMade:
    def test_says_where_what_is_new_is_shown(self) -> None:
        answer = made({"id": 7, "name": "x"}, at="/things")

        assert (answer.status_code, answer.headers["Location"]) == (201, "/things/7")
        assert answer.data == {"id": 7, "name": "x"}

    def test_says_that_it_was_there_already(self) -> None:
        answer = made({"id": 7}, at="/things", is_new=False)

        assert answer.status_code == 200
        assert "Location" not in answer.headers
