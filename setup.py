"""Packaging: everything it says is read from settings.ini, the one place for names, versions and bounds."""

from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(HERE / "settings.ini", encoding="utf-8")
settings = config["DEFAULT"]
extras = {
    name: settings[f"{name}_requirements"].split() for name in ("app", "gallery", "hog", "onnx", "timm")
}

setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=settings["author"],
    author_email=settings["author_email"],
    url=settings["git_url"],
    license=settings["license"],
    keywords=[word.strip() for word in settings["keywords"].split(",")],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=f">={settings['min_python']}",
    packages=find_packages(include=["reid_course", "reid_course.*"]),
    package_data={
        "": ["*.jinja", "*.js", "*.css"],
        "reid_course": ["py.typed"],
        "reid_course.pages": ["fonts/*"],
    },
    install_requires=settings["requirements"].split(),
    extras_require={"dev": sum(extras.values(), settings["dev_requirements"].split()), **extras},
    entry_points={
        "console_scripts": settings["console_scripts"].split(),
        "nbdev": [f"{settings['lib_name']}={settings['lib_path']}._modidx:d"],
    },
)
