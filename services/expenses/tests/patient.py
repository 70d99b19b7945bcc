"""The service, but for its patience: a command for tests of something else."""

from operator import setitem

from expenses_service.__main__ import main
from tests.patience import be_patient

be_patient(setitem)
main()
