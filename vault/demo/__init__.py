"""The demo organisation: people, teams and calls for a trial. Refuses to exist outside of one."""
