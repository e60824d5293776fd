"""AWS on this machine: `endpoints` starts ministack as a child process, `emulator` is what runs in that process."""
