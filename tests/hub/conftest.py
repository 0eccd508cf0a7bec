from fixtures.hubs import folder, start_hub

__all__ = ["folder", "start_hub"]
