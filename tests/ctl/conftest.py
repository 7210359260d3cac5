from tests.played_guest.fixtures import contract_of_amd_v

__all__ = ["contract_of_amd_v"]
