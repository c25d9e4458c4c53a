# `services.nixen`: the control plane as a service, and, with `services.nixen.appliance.enable`, the machine around it.
{
  imports = [
    ./options.nix
    ./service.nix
    ./tls.nix
    ./redirect.nix
    ./mounts.nix
    ./database.nix
    ./state-backup.nix
    ./prometheus.nix
    ./machine.nix
    ./updates.nix
    ./notify.nix
    ./checks.nix
    ./preflight.nix
    ./former.nix
  ];
}
