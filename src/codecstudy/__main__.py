"""``python -m codecstudy``: the command line."""

from codecstudy.cli import main

if __name__ == "__main__":
    main()
