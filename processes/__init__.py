"""Starting the processes of the Procfile and keeping them alive; the Redis that comes along."""
