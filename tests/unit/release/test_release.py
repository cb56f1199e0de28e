"""What makes two releases the same one."""

from __future__ import annotations

from deployctl.release.release import Release, same_release
from tests.unit.build import digest, image_id, release, tag


def test_a_release_is_the_same_by_image_id_or_by_digest_but_never_by_tag_alone() -> None:
    other_store = Release(tag(1), image_id(7))

    assert same_release(release(1), release(1))
    assert same_release(release(1), other_store, [digest(1)])
    assert not same_release(release(1), other_store)
    assert not same_release(release(1), other_store, [digest(2)])
    assert not same_release(Release(tag(1), image_id(1)), other_store, [""])
    assert not same_release(release(1), Release(tag(2), image_id(1)))
