"""Real folders for the deployer `directory`: a root, sources, and the deployer between them."""

from promotion_gate.operate.deployers.directory import DirectoryDeployer, DirectorySettings
from promotion_gate.operate.deployers.names import module_folder, version_folder


class Site:
    """A root, sources, and a deployer between them."""

    def __init__(self, folder, keep=3):
        self.root, self.sources = folder / "root", folder / "sources"
        self.root.mkdir()
        self.stable = {}
        settings = DirectorySettings(root=str(self.root), sources=str(self.sources), keep=keep)
        self.deployer = DirectoryDeployer(settings, self.stable.get)

    def source(self, module, version, text=None):
        folder = self.sources / module_folder(module) / version_folder(version)
        folder.mkdir(parents=True)
        (folder / "main.py").write_text(text or version)
        return folder

    def home(self, module):
        return self.root / module_folder(module)

    def running(self, module):
        return (self.home(module) / "current" / "main.py").read_text()

    def versions(self, module):
        return sorted(path.name for path in (self.home(module) / "versions").iterdir())
