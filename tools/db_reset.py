"""Delete the embedded server's data, jobs and all."""

import os

from jobstream.embedded import default_home, remove_data

removed = remove_data(default_home(os.environ))
print(f"removed {removed}" if removed else "there is none")
