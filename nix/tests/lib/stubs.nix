# The options of NixOS that the modules define or read, with the types that NixOS gives them: a misspelt one fails as it does there. Where a
# part of NixOS takes anything (a freeform section of a unit), so does this.
{ lib, ... }:
let
  inherit (lib) mkOption;
  t = lib.types;
  of = type: default: mkOption { inherit type default; };
  flag = of t.bool false;
  text = of t.str "";
  list = type: of (t.listOf type) [ ];
  sub = options: t.submodule { inherit options; };
  free =
    options:
    t.submodule {
      freeformType = t.attrsOf t.anything;
      inherit options;
    };
  section = of (t.attrsOf t.anything) { };
  unit = {
    enable = of t.bool true;
    description = text;
    documentation = list t.str;
    after = list t.str;
    before = list t.str;
    wants = list t.str;
    requires = list t.str;
    requisite = list t.str;
    bindsTo = list t.str;
    partOf = list t.str;
    conflicts = list t.str;
    wantedBy = list t.str;
    requiredBy = list t.str;
    onFailure = list t.str;
    startLimitBurst = of (t.nullOr t.int) null;
    startLimitIntervalSec = of (t.nullOr t.int) null;
    unitConfig = section;
    restartTriggers = list t.unspecified;
    reloadTriggers = list t.unspecified;
  };
  service = unit // {
    serviceConfig = section;
    environment = of (t.attrsOf (t.nullOr (t.oneOf [ t.str t.path t.package ]))) { };
    path = list (t.oneOf [ t.package t.str ]);
    script = of t.lines "";
    preStart = of t.lines "";
    postStart = of t.lines "";
    restartIfChanged = of t.bool true;
    stopIfChanged = of t.bool true;
    reloadIfChanged = flag;
    startAt = of (t.either t.str (t.listOf t.str)) [ ];
  };
  mount = {
    what = mkOption { type = t.str; };
    where = mkOption { type = t.str; };
    type = text;
    options = of t.commas "";
    mountConfig = section;
  };
in
{
  options = {
    assertions = list t.unspecified;
    warnings = list t.str;

    boot.growPartition = flag;
    boot.initrd.systemd.enable = flag;
    boot.kernelModules = list t.str;
    boot.kernelParams = list t.str;
    boot.loader.systemd-boot.enable = flag;
    boot.loader.systemd-boot.configurationLimit = of (t.nullOr t.int) null;
    boot.loader.limine.enable = flag;
    boot.loader.efi.canTouchEfiVariables = flag;
    boot.supportedFilesystems = of (t.coercedTo (t.listOf t.str) (names: lib.genAttrs names (_: true)) (t.attrsOf t.bool)) { };

    environment.etc = of (t.attrsOf (sub {
      text = of (t.nullOr t.lines) null;
      source = mkOption { type = t.path; };
      mode = of t.str "symlink";
      user = of t.str "+0";
    })) { };
    environment.systemPackages = list t.package;

    fileSystems = of (t.attrsOf (sub {
      device = of (t.nullOr t.str) null;
      fsType = of t.str "auto";
      options = list t.str;
      autoResize = flag;
      neededForBoot = flag;
    })) { };

    networking.hostName = of t.str "nixos";
    networking.domain = of (t.nullOr t.str) null;
    networking.firewall.enable = of t.bool true;
    networking.firewall.allowedTCPPorts = list t.port;
    networking.firewall.trustedInterfaces = list t.str;
    networking.useDHCP = of t.bool true;
    networking.useNetworkd = flag;
    networking.nftables.enable = flag;

    nix.package = mkOption { type = t.package; default = "/pkgs/nix"; };
    nix.settings = section;
    nix.gc.automatic = flag;

    programs.git.enable = flag;

    security.acme.acceptTerms = flag;
    security.acme.defaults.email = of (t.nullOr t.str) null;
    security.acme.certs = of (t.attrsOf (sub {
      email = of (t.nullOr t.str) null;
      group = of t.str "acme";
      listenHTTP = of (t.nullOr t.str) null;
      dnsProvider = of (t.nullOr t.str) null;
      environmentFile = of (t.nullOr t.path) null;
      reloadServices = list t.str;
      directory = of t.str "/var/lib/acme";
    })) { };
    security.sudo.wheelNeedsPassword = of t.bool true;
    security.polkit.enable = flag;
    security.polkit.extraConfig = of t.lines "";

    services.cloud-init.enable = flag;
    services.cloud-init.network.enable = flag;
    services.cloud-init.settings = section;
    services.caddy.enable = flag;
    services.nginx.enable = flag;
    services.nginx.defaultHTTPListenPort = of t.port 80;
    services.nginx.defaultSSLListenPort = of t.port 443;
    services.openssh.enable = flag;
    services.openssh.ports = of (t.listOf t.port) [ 22 ];
    services.openssh.settings = of (free {
      PermitRootLogin = of t.str "prohibit-password";
      PasswordAuthentication = of t.bool true;
      KbdInteractiveAuthentication = of t.bool true;
    }) { };
    services.postgresql.enable = flag;
    services.postgresql.package = mkOption { type = t.package; default = "/pkgs/postgresql"; };
    services.postgresql.ensureDatabases = list t.str;
    services.postgresql.ensureUsers = list (sub {
      name = mkOption { type = t.str; };
      ensureDBOwnership = flag;
    });
    services.prometheus.enable = flag;
    services.prometheus.port = of t.port 9090;
    services.prometheus.scrapeConfigs = list t.anything;
    services.qemuGuest.enable = flag;
    services.xe-guest-utilities.enable = flag;

    system.build.toplevel = mkOption { type = t.package; };
    system.configurationRevision = of (t.nullOr t.str) null;
    system.preSwitchChecks = of (t.attrsOf t.str) { };
    system.stateVersion = text;

    systemd.package = mkOption { type = t.package; default = "/pkgs/systemd"; };
    systemd.automounts = list (sub (unit // {
      where = mkOption { type = t.str; };
      automountConfig = section;
    }));
    systemd.mounts = list (sub (unit // mount));
    systemd.network.enable = flag;
    systemd.network.netdevs = of (t.attrsOf t.anything) { };
    systemd.network.networks = of (t.attrsOf t.anything) { };
    systemd.network.wait-online.anyInterface = flag;
    systemd.services = of (t.attrsOf (sub service)) { };
    systemd.sockets = of (t.attrsOf (sub (unit // {
      listenStreams = list t.str;
      socketConfig = section;
    }))) { };
    systemd.targets = of (t.attrsOf (sub unit)) { };
    systemd.timers = of (t.attrsOf (sub (unit // { timerConfig = section; }))) { };
    systemd.tmpfiles.rules = list t.str;

    time.timeZone = of (t.nullOr t.str) null;

    users.groups = of (t.attrsOf (sub {
      members = list t.str;
      gid = of (t.nullOr t.int) null;
    })) { };
    users.mutableUsers = of t.bool true;
    users.users = of (t.attrsOf (sub {
      isSystemUser = flag;
      isNormalUser = flag;
      description = text;
      group = text;
      extraGroups = list t.str;
      home = of t.path "/var/empty";
      createHome = flag;
      hashedPasswordFile = of (t.nullOr t.str) null;
      openssh.authorizedKeys.keys = list t.singleLineStr;
      openssh.authorizedKeys.keyFiles = list t.path;
    })) { };

    virtualisation.libvirtd.enable = flag;
    virtualisation.libvirtd.allowedBridges = of (t.listOf t.str) [ "virbr0" ];
    virtualisation.libvirtd.package = mkOption { type = t.package; default = "/pkgs/libvirt"; };
    virtualisation.libvirtd.onBoot = of (t.enum [ "start" "ignore" ]) "start";
    virtualisation.libvirtd.onShutdown = of (t.enum [ "shutdown" "suspend" ]) "suspend";
    virtualisation.libvirtd.qemu.runAsRoot = of t.bool true;
    virtualisation.libvirtd.qemu.swtpm.enable = flag;
    virtualisation.xen.enable = flag;
    virtualisation.xen.dom0Resources.memory = of t.ints.unsigned 0;
    virtualisation.xen.dom0Resources.maxVCPUs = of t.ints.unsigned 0;
  };
}
