# package-lock.json of a monorepo, in the form that importNpmLock can take: it has no `resolved` fields (.npmrc:
# omit-lockfile-registry-resolved), which importNpmLock needs to fetch by; and workspaces, whose links it turns into copies. So: each package
# gets its address from its name and version, fixed by the `integrity` that is there; and the workspaces become one package that wants all
# that they want. Which platform's binaries are fetched is decided here, too.
{ lib }:
let
  inherit (builtins)
    attrNames
    elem
    filter
    head
    removeAttrs
    substring
    ;
  # "node_modules/a/node_modules/@s/b" → "@s/b"
  nameOf = path: lib.last (lib.splitString "node_modules/" path);
  baseOf = name: lib.last (lib.splitString "/" name);
  isModule = path: lib.hasPrefix "node_modules/" path;
  # npm's words for a system of Nix.
  platforms = {
    x86_64-linux = {
      os = "linux";
      cpu = "x64";
      libc = "glibc";
    };
    aarch64-linux = {
      os = "linux";
      cpu = "arm64";
      libc = "glibc";
    };
  };
  # "!win32" is all but that.
  allows =
    list: word:
    let
      denied = filter (entry: substring 0 1 entry == "!") list;
      allowed = filter (entry: substring 0 1 entry != "!") list;
    in
    !(elem "!${word}" denied) && (allowed == [ ] || elem word allowed);
in
{
  inherit platforms;

  # { lock, package } for importNpmLock.
  flatten =
    {
      lock,
      package,
      system,
      registry ? "https://registry.npmjs.org",
      # Not wanted from npm: Node is nixpkgs' own.
      without ? [ ],
    }:
    let
      platform = platforms.${system};
      fits =
        entry:
        allows (entry.os or [ ]) platform.os
        && allows (entry.cpu or [ ]) platform.cpu
        && allows (entry.libc or [ ]) platform.libc;
      keeps = path: !(elem (nameOf path) without) && fits lock.packages.${path};
      paths = filter (path: isModule path && !(lock.packages.${path}.link or false) && keeps path) (attrNames lock.packages);
      kept = lib.genAttrs (map nameOf paths) (_: true);
      address =
        path: entry:
        let
          name = entry.name or (nameOf path);
        in
        "${registry}/${name}/-/${baseOf name}-${entry.version}.tgz";
      module =
        path:
        let
          entry = lock.packages.${path};
        in
        {
          resolved = address path entry;
        }
        // entry
        // lib.optionalAttrs (entry ? optionalDependencies) {
          # One that is left out is not asked for either.
          optionalDependencies = builtins.intersectAttrs kept entry.optionalDependencies;
        };
      workspaces = filter (path: path == "" || lib.hasPrefix "packages/" path) (attrNames lock.packages);
      own = map (path: lock.packages.${path}.name) workspaces;
      wanted = removeAttrs (lib.mergeAttrsList (
        map (
          path:
          let
            entry = lock.packages.${path};
          in
          (entry.optionalDependencies or { }) // (entry.devDependencies or { }) // (entry.dependencies or { })
        ) workspaces
      )) (own ++ without);
      root = {
        inherit (package) name version;
        dependencies = wanted;
      };
    in
    {
      package = root // {
        private = true;
        type = "module";
      };
      lock = lock // {
        packages = lib.genAttrs paths module // {
          "" = root;
        };
      };
    };
}
