{ self, ... }:
{
  name = "nixen-appliance";

  nodes.machine = {
    imports = [ self.nixosModules.appliance ];
    virtualisation.memorySize = 2048;
    networking.hostName = "nixen";
    services.nixen = {
      enable = true;
      configurationVersion = 1;
      appliance.enable = true;
      appliance.sshKeys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ0eBd9bW1rTOM0WyrWxQ3pVE7vOHHRsBuaJLNVdXzE test" ];
      mounts.nas = {
        type = "nfs";
        server = "nas";
        share = "/export";
      };
    };
  };

  nodes.nas = {
    services.nfs.server.enable = true;
    services.nfs.server.exports = "/export *(rw,no_root_squash,fsid=0)";
    networking.firewall.enable = false;
    systemd.tmpfiles.rules = [ "d /export 0777 root root -" ];
  };

  testScript = ''
    start_all()
    nas.wait_for_unit("nfs-server.service")
    machine.wait_for_unit("nixen.service")
    machine.wait_for_open_port(443)

    with subtest("the console answers over TLS, and plain HTTP leads there"):
        machine.wait_until_succeeds("curl -sfk https://localhost/healthz")
        machine.succeed("curl -si http://localhost/vms | grep -i '^location: https://localhost/vms'")

    with subtest("the first administrator is made by a link in the journal"):
        machine.succeed("journalctl -u nixen | grep -F '/setup#'")

    with subtest("the service is what it is hardened to be"):
        exposure = machine.succeed("systemd-analyze security nixen.service | tail -n 1")
        assert float(exposure.split(": ")[1].split()[0]) <= 2.0, exposure
        machine.succeed("test $(stat -c %a /var/lib/nixen) = 700")

    with subtest("a share is mounted when it is used, and the service can write to it"):
        machine.succeed("sudo -u nixen touch /mnt/nixen/nas/file")
        nas.succeed("test -e /export/file")

    with subtest("its own state is backed up"):
        machine.succeed("systemctl start nixen-state-backup.service")
        machine.succeed("test -e /var/lib/nixen-backup/nixen-*/db.sqlite")

    with subtest("root cannot log in, nor anybody with a password"):
        machine.succeed("sshd -T | grep -x 'permitrootlogin no'")
        machine.succeed("sshd -T | grep -x 'passwordauthentication no'")
  '';
}
