# Bad values of the host.
let
  base = {
    enable = true;
    networks.lan.interfaces = [ "eno1" ];
    bases.default.image = "/srv/base.qcow2";
  };
  case = more: says: {
    module = "host";
    config = {
      system.stateVersion = "26.05";
      virtualisation.nixen = base // more;
    };
    inherit says;
  };
  vm = more: { base = "default"; } // more;
  name = "virtualisation.nixen";
in
{
  same-mac = case {
    domains.a = vm { nics.lan = { network = "lan"; mac = "52:54:00:00:00:01"; }; };
    domains.b = vm { nics.lan = { network = "lan"; mac = "52:54:00:00:00:01"; }; };
  } [ "${name}.domains.a.nics.lan.mac and ${name}.domains.b.nics.lan.mac have the same MAC address, 52:54:00:00:00:01" "leave it out" ];
  same-address = case {
    domains.a = vm { config = { }; nics.lan = { network = "lan"; address = "10.0.0.2/24"; }; };
    domains.b = vm { config = { }; nics.lan = { network = "lan"; address = "10.0.0.2/16"; }; };
  } [ "${name}.domains.a.nics.lan.address and ${name}.domains.b.nics.lan.address have the same address, 10.0.0.2 (network lan)" ];
  same-uuid = case {
    domains.a = vm { uuid = "00000000-0000-4000-8000-000000000001"; };
    domains.b = vm { uuid = "00000000-0000-4000-8000-000000000001"; };
  } [ "${name}.domains.a.uuid and ${name}.domains.b.uuid have the same UUID" ];
  same-bridge = case { networks = { a.bridge = "br0"; b.bridge = "br0"; }; } [ "${name}.networks.a.bridge and ${name}.networks.b.bridge have the same bridge, br0" ];
  same-interface = case { networks = { a.interfaces = [ "eno1" ]; b.interfaces = [ "eno1" ]; }; } [ "have the same interface without a VLAN, eno1" ];
  two-in-vlan = case { networks.a = { vlan = 5; interfaces = [ "eno1" "eno2" ]; }; } [ "${name}.networks.a.vlan is of one interface" ];
  dhcp-and-address = case { networks.a = { dhcp = true; address = [ "10.0.0.1/24" ]; }; } [ "${name}.networks.a has both dhcp and address" ];
  no-network = case { domains.a = vm { nics.x.network = "wan"; }; } [ "${name}.domains.a.nics.x.network is \"wan\"" "There are: lan." ];
  no-pool = case { domains.a = vm { disks.root.pool = "slow"; }; } [ "${name}.domains.a.disks.root.pool is \"slow\"" "There are: default." ];
  no-base = case { domains.a.base = "other"; } [ "${name}.domains.a.base is \"other\"" "There are: default." ];
  no-disks = case { domains.a = vm { disks = { }; }; } [ "${name}.domains.a.disks is empty" ];
  config-without-base = case { domains.a.config = { }; } [ "${name}.domains.a.config needs ${name}.domains.a.base" ];
  address-without-config = case { domains.a = vm { nics.lan = { network = "lan"; address = "10.0.0.2/24"; }; }; } [ "${name}.domains.a.nics.lan.address is set by the guest" ];
  bad-name = case { domains."a b" = vm { }; } [ "${name}.domains.\"a b\"" ];
  xen-tpm = case { hypervisor = "xen"; domains.a = vm { tpm = true; }; } [ "${name}.domains.a.tpm is for KVM only" ];
  dom0-small = case { hypervisor = "xen"; dom0.memory = 512; } [ "${name}.dom0.memory is 512 MiB" ];
  not-enabled = {
    module = "host";
    config.virtualisation.nixen.domains.a = { };
    says = [ "${name}.domains declares a, and ${name}.enable is not set" ];
  };
}
