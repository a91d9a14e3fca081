"""What `instahide audit` says in the terminal, with audits that were made up."""

import pytest
from auditresults import audited, pictures

from instahide.auditing import whole, words
from instahide.cli import main
from instahide.progress import announce

ALIKE = pictures(1).repeat(6, axis=0)


@pytest.fixture
def audit(monkeypatch, tmp_path, capsys):
    """Run the command with a result, or with what is raised, and return what it printed."""

    def run(result):
        def audits(*_, **__):
            announce("memory: 3 MB", detail=True)
            announce("[1 of 3] an attacker")
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(whole, "run_audit", audits)
        page = tmp_path / "page.html"
        monkeypatch.setattr(
            "sys.argv", ["instahide", "audit", str(tmp_path), "--out", str(page)]
        )
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr()

    return run


def test_the_answer_comes_first_and_attackers_are_explained(audit):
    code, said = audit(audited())
    lines = said.out.splitlines()
    assert code == 0 and lines[0].startswith("All 6 of your images came back recognisably")
    assert "- an attacker who knows neither labels nor coefficients: none of 6" in lines
    assert f"  ({words.EXPLAINED['blind']})" in lines
    assert said.out.count("- an attacker who") == 3
    assert "1 file could not be used, see the page" in lines
    assert lines[-1].startswith("The page, which shows your private images: ")


def test_of_images_that_are_alike_no_attacker_is_said_to_have_got_none(audit):
    _, said = audit(audited(ALIKE, noise=(0.0, 0.0, 0.0)))
    assert said.out.startswith("Your 6 images could not be told apart.")
    assert "none of 6" not in said.out and "- an attacker" not in said.out


def test_progress_is_one_line_for_each_attacker(audit):
    _, said = audit(audited())
    assert said.err == "[1 of 3] an attacker\n"


def test_who_interrupts_is_told_how_to_go_on(audit):
    code, said = audit(KeyboardInterrupt())
    assert code and "The same command goes on from here." in said.err
