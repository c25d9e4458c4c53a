# A KVM host with one declared VM. For Xen: hypervisor = "xen".
{
  networking.hostName = "@HOST@";
  system.stateVersion = "@RELEASE@";

  boot.loader.systemd-boot.enable = true;
  boot.loader.efi.canTouchEfiVariables = true;

  users.users.admin = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
    openssh.authorizedKeys.keys = [ "@SSH_KEY@" ];
  };
  services.openssh.enable = true;
  services.openssh.settings.PasswordAuthentication = false;

  virtualisation.nixen = {
    enable = true;
    hypervisor = "kvm";
    users = [ "admin" ];

    # The address of the host moves from the interface to the bridge.
    networks.lan = {
      interfaces = [ "eno1" ];
      dhcp = true;
    };

    bases.default.config = { };

    domains.web = {
      base = "default";
      memory = 2048;
      vcpus = 2;
      disks.root.size = "20G";
      nics.lan.network = "lan";
      config = {
        services.nginx.enable = true;
        networking.firewall.allowedTCPPorts = [ 80 ];
      };
    };
  };
}
