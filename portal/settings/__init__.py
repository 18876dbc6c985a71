"""Settings: base (shared), local (`make run`), test, production."""
