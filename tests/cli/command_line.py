"""The command line in this process."""

from fipjax.cli import main


def run(capsys, *args):
    """Exit code, standard output and standard error of ``fipjax ARGS``."""
    code = main(list(args))
    out, err = capsys.readouterr()
    return code, out, err
