{ self, ... }:
{
  name = "nixen-host";

  nodes.host = {
    imports = [ self.nixosModules.host ];
    virtualisation.memorySize = 4096;
    virtualisation.diskSize = 16384;
    virtualisation.cores = 2;
    virtualisation.nixen = {
      enable = true;
      networks.private.address = [ "10.77.0.1/24" ];
      bases.default.config = { };
      domains.web = {
        base = "default";
        memory = 1024;
        nics.lan = {
          network = "private";
          address = "10.77.0.2/24";
        };
        config = {
          services.nginx.enable = true;
          networking.firewall.allowedTCPPorts = [ 80 ];
        };
      };
    };
  };

  testScript = ''
    host.wait_for_unit("nixen-domain-web.service")
    host.succeed("virsh domstate web | grep running")

    with subtest("the guest becomes what it was told to be, without a network to fetch from"):
        host.wait_until_succeeds("curl -sf http://10.77.0.2/ || test $? = 22", timeout=600)

    with subtest("the overlay keeps what changes, the base stays"):
        host.succeed("qemu-img info --force-share /var/lib/libvirt/images/web-root.qcow2 | grep -F 'backing file: /nix/store/'")

    with subtest("the console may not take it apart"):
        host.succeed("virsh metadata web urn:nixen:vm:1 | grep delete")

    with subtest("it is shut down, not pulled out"):
        host.succeed("systemctl stop nixen-domain-web.service")
        host.succeed("virsh domstate web | grep 'shut off'")
  '';
}
