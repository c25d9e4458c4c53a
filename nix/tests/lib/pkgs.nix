# Stand-ins for packages: what text refers to, as paths that say what they are.
let
  package = name: {
    type = "derivation";
    inherit name;
    pname = name;
    version = "0";
    outPath = "/pkgs/${name}";
    drvPath = "/pkgs/${name}.drv";
    meta.mainProgram = name;
  };
  known = [
    "bash"
    "coreutils"
    "curl"
    "diffutils"
    "findutils"
    "gawk"
    "git"
    "gnugrep"
    "gnused"
    "iproute2"
    "jq"
    "libvirt"
    "nix"
    "nixen"
    "nixos-rebuild"
    "openssh"
    "openssl"
    "OVMF"
    "qemu"
    "qemu-utils"
    "systemd"
    "util-linux"
    "xen"
    "xen-guest-agent"
    "xorriso"
  ];
in
builtins.listToAttrs (map (name: { inherit name; value = package name; }) known)
// {
  system = "x86_64-linux";
  stdenv.hostPlatform = {
    system = "x86_64-linux";
    isx86_64 = true;
    isLinux = true;
  };
  writeText = name: text: package name // { inherit text; };
  writeShellScript = name: text: package name // { inherit text; };
  writeShellApplication =
    { name, text, ... }:
    package name // { inherit text; };
  mkBinaryCache = { rootPaths }: package "cache";
  # A whole NixOS: what it is made of is evaluated, what it would build is a name.
  nixos =
    configuration:
    let
      lib = import ./.;
      args = { modulesPath = "/modules"; };
      withoutImages =
        module:
        if builtins.isFunction module then
          (given: withoutImages (module (given // args)))
        else if builtins.isAttrs module then
          module // { imports = map withoutImages (builtins.filter (each: !(builtins.isString each)) (module.imports or [ ])); }
        else
          module;
      evaluated = lib.evalModules {
        modules = [
          { _module.args.pkgs = import ./pkgs.nix; }
          ./stubs.nix
          { options.image = lib.mkOption { type = lib.types.attrsOf lib.types.anything; default = { }; }; }
          (withoutImages configuration)
        ];
      };
      failing = builtins.filter (each: !each.assertion) evaluated.config.assertions;
      name = evaluated.config.networking.hostName;
    in
    if failing != [ ] then
      throw (builtins.head failing).message
    else
      {
        config = evaluated.config // {
          system.build = builtins.seq (builtins.deepSeq evaluated.config.systemd.network.networks null) {
            toplevel = "/nix/store/00000000000000000000000000000000-nixos-system-${name}";
            image = "/nix/store/00000000000000000000000000000000-image-${name}";
          };
          image.fileName = "${evaluated.config.image.baseName or "image"}.qcow2";
        };
      };
  runCommand = name: _: text: package name // { inherit text; };
}
