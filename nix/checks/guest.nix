{ self, ... }:
{
  name = "nixen-guest";

  nodes.machine = {
    imports = [ self.nixosModules.guest ];
    services.nixen-guest.enable = true;
    services.nixen-guest.cloudInit.enable = false;
    # The disk of the test is not one that grows.
    services.nixen-guest.growDisk = false;
    virtualisation.useBootLoader = true;
    virtualisation.useEFIBoot = true;
    boot.loader.systemd-boot.enable = true;
    boot.loader.efi.canTouchEfiVariables = true;
    system.switch.enable = true;
    specialisation.told.configuration.environment.etc.marker.text = "told";
  };

  testScript = ''
    machine.wait_for_unit("multi-user.target")

    with subtest("without a seed it stays what it is"):
        machine.succeed("journalctl -u nixen-bootstrap | grep 'Nobody told this guest'")

    with subtest("it becomes what the seed says"):
        told = machine.succeed("readlink -f /run/current-system/specialisation/told").strip()
        machine.succeed(
            "mkdir -p /tmp/seed/cache",
            f"echo {told} > /tmp/seed/system",
            f"nix --extra-experimental-features nix-command copy --to file:///tmp/seed/cache {told}",
            "mount --bind /tmp/seed /run/nixen-seed || (mkdir -p /run/nixen-seed && mount --bind /tmp/seed /run/nixen-seed)",
            "systemctl restart nixen-bootstrap.service",
        )
        machine.wait_until_succeeds("grep -x told /etc/marker")
        machine.succeed("sed -n 3p /var/lib/nixen-guest/bootstrap | grep -x done")

    with subtest("the agent for Xen does not start here"):
        machine.succeed("systemctl show -p ConditionResult nixen-xen-agent.service | grep no")
  '';
}
