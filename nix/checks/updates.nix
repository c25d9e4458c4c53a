# Two generations, of which one breaks Nixen: the machine stays with the other. `specialisation` stands for what an update would build; the
# state machine itself is tested in packages/cli/test/appliance.test.ts.
{ self, ... }:
{
  name = "nixen-updates";

  nodes.machine =
    { config, lib, pkgs, ... }:
    {
      imports = [ self.nixosModules.appliance ];
      virtualisation.memorySize = 2048;
      virtualisation.useBootLoader = true;
      virtualisation.useEFIBoot = true;
      boot.loader.systemd-boot.enable = true;
      boot.loader.efi.canTouchEfiVariables = true;
      system.switch.enable = true;
      networking.hostName = "nixen";
      services.nixen = {
        enable = true;
        configurationVersion = 1;
        appliance.enable = true;
        appliance.sshKeys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ0eBd9bW1rTOM0WyrWxQ3pVE7vOHHRsBuaJLNVdXzE test" ];
        updates.enable = true;
        updates.health.timeout = 60;
      };
      specialisation.good.configuration.environment.etc.marker.text = "good";
      specialisation.bad.configuration = {
        environment.etc.marker.text = "bad";
        systemd.services.nixen.serviceConfig.ExecStart = lib.mkForce "${pkgs.coreutils}/bin/false";
      };
    };

  testScript = ''
    machine.wait_for_unit("nixen.service")
    machine.wait_until_succeeds("curl -sfk https://localhost/healthz")
    machine.succeed("nix-env -p /nix/var/nix/profiles/system --set $(readlink -f /run/current-system)")
    first = machine.succeed("readlink -f /run/current-system").strip()

    def generation(name):
        machine.succeed(f"nix-env -p /nix/var/nix/profiles/system --set {first}/specialisation/{name}")
        number = machine.succeed("readlink /nix/var/nix/profiles/system").strip().split("-")[1]
        machine.succeed("nix-env -p /nix/var/nix/profiles/system --switch-generation 1")
        return number

    with subtest("a generation that does not answer is not kept"):
        bad = generation("bad")
        machine.fail(f"nixen appliance rollback --to {bad}")
        assert machine.succeed("readlink -f /run/current-system").strip() == first
        machine.wait_until_succeeds("curl -sfk https://localhost/healthz")

    with subtest("one that does is"):
        good = generation("good")
        machine.succeed(f"nixen appliance rollback --to {good}")
        machine.succeed("grep -x good /etc/marker")
        machine.succeed("nixen appliance status")
  '';
}
