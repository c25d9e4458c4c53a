# Bridges by systemd-networkd: the interface is a port, the address is the bridge's, so that the host stays reachable while VMs come and go.
{ config, lib, ... }:
let
  cfg = config.virtualisation.nixen;
  vlanName = network: "${lib.head network.interfaces}.${toString network.vlan}";
  each = f: lib.concatMapAttrs (_: f) cfg.networks;
in
{
  config = lib.mkIf (cfg.enable && cfg.networks != { }) {
    networking.useNetworkd = lib.mkDefault true;
    # Two programs that both give addresses would fight.
    networking.useDHCP = lib.mkDefault false;
    systemd.network.enable = true;

    systemd.network.netdevs = each (
      network:
      {
        "20-${network.bridge}".netdevConfig = {
          Name = network.bridge;
          Kind = "bridge";
        };
      }
      // lib.optionalAttrs (network.vlan != null && network.interfaces != [ ]) {
        "20-${vlanName network}" = {
          netdevConfig = {
            Name = vlanName network;
            Kind = "vlan";
          };
          vlanConfig.Id = network.vlan;
        };
      }
    );

    systemd.network.networks = each (
      network:
      let
        tagged = network.vlan != null && network.interfaces != [ ];
      in
      lib.optionalAttrs (network.interfaces != [ ] && !tagged) {
        "30-${network.bridge}-ports" = {
          matchConfig.Name = lib.concatStringsSep " " network.interfaces;
          networkConfig.Bridge = network.bridge;
          linkConfig.RequiredForOnline = "enslaved";
        };
      }
      // lib.optionalAttrs tagged {
        "25-${lib.head network.interfaces}" = {
          matchConfig.Name = lib.head network.interfaces;
          # One interface may carry several bridges.
          vlan = lib.concatMap (
            other: lib.optional (other.vlan != null && lib.take 1 other.interfaces == lib.take 1 network.interfaces) (vlanName other)
          ) (lib.attrValues cfg.networks);
          networkConfig.LinkLocalAddressing = "no";
          linkConfig.RequiredForOnline = "carrier";
        };
        "30-${network.bridge}-ports" = {
          matchConfig.Name = vlanName network;
          networkConfig.Bridge = network.bridge;
          linkConfig.RequiredForOnline = "enslaved";
        };
      }
      // {
        "40-${network.bridge}" = {
          matchConfig.Name = network.bridge;
          inherit (network) address dns;
          gateway = lib.optional (network.gateway != null) network.gateway;
          networkConfig = {
            DHCP = if network.dhcp then "yes" else "no";
            # A bridge without an address of the host is the VMs' alone.
            LinkLocalAddressing = if network.dhcp || network.address != [ ] then "ipv6" else "no";
            ConfigureWithoutCarrier = true;
          };
          linkConfig.RequiredForOnline = if network.dhcp || network.address != [ ] then "routable" else "no";
        };
      }
    );
  };
}
