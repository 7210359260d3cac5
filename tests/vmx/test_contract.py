from __future__ import annotations

import importlib
import pkgutil

import hypervisor.vcpu.vmx
from codegen.lang import ContractFn
from hypervisor.vcpu import contract


def test_the_back_end_provides_every_name_of_the_contract_once():
    for module in pkgutil.walk_packages(hypervisor.vcpu.vmx.__path__, "hypervisor.vcpu.vmx."):
        importlib.import_module(module.name)
    declared = [thing for thing in vars(contract).values() if isinstance(thing, ContractFn)]
    assert len(declared) > 30
    for name in declared:
        ours = [f for f in name.implementations if f.name.startswith("hypervisor.vcpu.vmx.")]
        assert len(ours) == 1, name.name
        want, have = name.signature(), ours[0].signature()
        assert [p.type for p in want.parameters] == [p.type for p in have.parameters], name.name
        assert want.result == have.result, name.name
