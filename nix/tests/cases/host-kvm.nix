{
  module = "host";
  config = {
    system.stateVersion = "26.05";
    virtualisation.nixen = {
      enable = true;
      users = [ "nixen" ];
      networks = {
        lan = {
          interfaces = [ "eno1" ];
          address = [ "192.168.1.10/24" ];
          gateway = "192.168.1.1";
          dns = [ "192.168.1.1" ];
        };
        dmz = {
          interfaces = [ "eno2" ];
          vlan = 20;
        };
        guests = {
          interfaces = [ "eno2" ];
          vlan = 30;
        };
        private = { };
      };
      pools.fast.path = "/srv/vms";
      bases.default.config = { };
      domains = {
        web = {
          title = "Web & \"Mail\" <1>";
          base = "default";
          memory = 2048;
          vcpus = 2;
          tpm = true;
          onChange = "reboot";
          disks.root.size = "30G";
          disks.data = {
            size = "1T";
            pool = "fast";
          };
          nics.lan = {
            network = "lan";
            address = "192.168.1.20/24";
            gateway = "192.168.1.1";
            filterAddress = true;
          };
          nics.back.network = "private";
          config = {
            services.nginx.enable = true;
          };
        };
        windows = {
          iso = "/srv/iso/windows.iso";
          locked = false;
          autostart = false;
          nics.lan = {
            network = "dmz";
            mac = "52:54:00:12:34:56";
          };
        };
      };
    };
  };
  extra = config: {
    "web.xml" = config.virtualisation.nixen.rendered.web.xml;
    "windows.xml" = config.virtualisation.nixen.rendered.windows.xml;
  };
  values = config: {
    netdevs = config.systemd.network.netdevs;
    networks = config.systemd.network.networks;
    bridges = config.virtualisation.libvirtd.allowedBridges;
    tmpfiles = config.systemd.tmpfiles.rules;
  };
}
