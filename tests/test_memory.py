import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instahide import memory
from instahide.errors import InstaHideError
from instahide.memory import available_memory, check_memory, in_bytes, parse_size

GB = 2**30


@pytest.fixture(autouse=True)
def nothing_is_said(monkeypatch):
    for name in ("INSTAHIDE_MEMORY", "SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1000", 1000),
        ("500M", 500 * 2**20),
        ("8G", 8 * GB),
        ("1.5 GB", 1.5 * GB),
        ("2TiB", 2048 * GB),
    ],
)
def test_sizes_are_read_as_they_are_written(text, size):
    assert parse_size(text) == size


@given(st.text(max_size=20))
def test_other_texts_are_no_sizes(text):
    try:
        assert parse_size(text) >= 0
    except InstaHideError as error:
        assert "write it like 500M or 8G" in str(error)


def test_what_is_too_much_is_refused_with_both_numbers():
    check_memory(GB, "it", GB)
    with pytest.raises(
        InstaHideError, match=r"it needs about 9\.0 GB .* and 512 MB are available"
    ):
        check_memory(9 * GB, "it", GB // 2)
    with pytest.raises(InstaHideError, match="INSTAHIDE_MEMORY"):
        check_memory(2**200, "it")


def test_the_environment_overrides_what_is_found(monkeypatch):
    monkeypatch.setenv("INSTAHIDE_MEMORY", "3G")
    assert available_memory() == 3 * GB
    monkeypatch.setenv("INSTAHIDE_MEMORY", "much")
    with pytest.raises(InstaHideError, match="'much' is no size"):
        available_memory()


def test_slurm_and_limits_of_addresses_count(monkeypatch):
    before = available_memory()
    assert 0 < before < 2**50
    for told, most in (
        ({"MEM_PER_NODE": "300"}, 300 * 2**20),
        ({"MEM_PER_NODE": "0", "MEM_PER_CPU": "150", "CPUS_ON_NODE": "2"}, 300 * 2**20),
    ):
        with monkeypatch.context() as patch:
            for name, text in told.items():
                patch.setenv(f"SLURM_{name}", text)
            assert available_memory() < most  # this process takes some of it
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (0, 0))
    assert available_memory() == 0


@pytest.mark.parametrize(
    ("controllers", "names"),
    [
        ("", ("memory.max", "memory.current", "inactive_file")),
        (
            "cpu,memory",
            (
                "memory/memory.limit_in_bytes",
                "memory/memory.usage_in_bytes",
                "total_inactive_file",
            ),
        ),
    ],
)
def test_control_groups_and_those_above_them_count(monkeypatch, tmp_path, controllers, names):
    lines = f"3:cpuset:/other\n1:{controllers}:/outer/inner\n"
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "fs")
    read = memory.Path.read_text
    own = tmp_path / "cgroup"
    own.write_text(lines, encoding="utf-8")
    monkeypatch.setattr(
        memory.Path,
        "read_text",
        lambda path, **how: read(own if str(path) == "/proc/self/cgroup" else path, **how),
    )
    limit, used, cached = names
    for group, most in (("outer", "5000"), ("outer/inner", "max")):
        place = tmp_path / "fs" / limit.rpartition("/")[0] / group
        place.mkdir(parents=True, exist_ok=True)
        (place / limit.rpartition("/")[2]).write_text(most + "\n", encoding="utf-8")
        (place / used.rpartition("/")[2]).write_text("3000\n", encoding="utf-8")
        (place / "memory.stat").write_text(f"anon 17\n{cached} 1000\n", encoding="utf-8")
    assert list(memory._left_of_groups()) == [3000]


def test_numbers_are_read_by_people():
    assert (in_bytes(1), in_bytes(700 * 2**20), in_bytes(2000 * GB)) == (
        "1 MB",
        "700 MB",
        "2,000.0 GB",
    )
