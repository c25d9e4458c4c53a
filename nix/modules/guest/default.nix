# `services.nixen-guest`: what a VM needs to be a good guest, on KVM and on Xen alike.
{
  imports = [
    ./agents.nix
    ./cloud-init.nix
    ./machine.nix
    ./bootstrap.nix
  ];
}
