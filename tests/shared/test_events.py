from shared.events import readable


def test_header_names_that_differ_in_case_are_one_header() -> None:
    request = readable(
        {
            "rawPath": "/v1/tasks",
            "requestContext": {"http": {"method": "GET"}},
            "headers": {"If-Match": '"1"', "if-match": '"2"', "Authorization": "Bearer a", "AUTHORIZATION": "Bearer b"},
        }
    )
    assert request is not None
    assert request["headers"] == {"if-match": '"1","2"', "authorization": "Bearer a,Bearer b"}
