{
  module = "host";
  config = {
    system.stateVersion = "26.05";
    virtualisation.nixen = {
      enable = true;
      hypervisor = "xen";
      dom0.memory = 4096;
      networks.lan = {
        interfaces = [ "eno1" ];
        dhcp = true;
      };
      bases.plain.image = "/srv/images/base.qcow2";
      domains.db = {
        base = "plain";
        firmware = "bios";
        nics.lan.network = "lan";
      };
    };
  };
  extra = config: { "db.xml" = config.virtualisation.nixen.rendered.db.xml; };
  values = config: {
    inherit (config.virtualisation.xen) enable dom0Resources;
    systemdBoot = config.boot.loader.systemd-boot.enable;
    initrd = config.boot.initrd.systemd.enable;
  };
}
