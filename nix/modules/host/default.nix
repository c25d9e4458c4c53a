# `virtualisation.nixen`: a machine that runs VMs, with KVM or as dom0 of Xen, and those of its VMs that are declared.
{
  imports = [
    ./options.nix
    ./hypervisor.nix
    ./network.nix
    ./storage.nix
    ./domain-options.nix
    ./domains.nix
    ./checks.nix
  ];
}
