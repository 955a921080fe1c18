"""Executors: what runs the tasks that the schedule hands out."""
