{
  module = "guest";
  config = {
    services.nixen-guest.enable = true;
    services.nixen-guest.bootstrap.flake = "github:example/fleet#web";
  };
  values = config: {
    console = config.boot.kernelParams;
    agent = config.services.qemuGuest.enable;
    cloudInit = config.services.cloud-init.settings;
    grow = config.boot.growPartition;
    root = config.fileSystems."/".autoResize;
  };
}
