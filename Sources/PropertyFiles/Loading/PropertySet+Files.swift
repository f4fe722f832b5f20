extension PropertySet {
    /// Loads one file, or all `*.properties` files of one directory.
    ///
    /// See ``load(from:environment:)-([String],_)`` for what is read.
    ///
    /// - Parameters:
    ///   - path: A file or a directory.
    ///   - environment: The environment variables, as `ProcessInfo.processInfo.environment` gives them.
    /// - Returns: the properties of all files, and the environment on top.
    /// - Throws: ``PropertyError`` with every problem of every file.
    public static func load(
        from path: String,
        environment: [String: String]
    ) throws(PropertyError) -> PropertySet {
        try self.load(from: [path], environment: environment)
    }

    /// Loads files and directories as layers: a later path overrides an earlier one.
    ///
    /// Of a directory, the files whose names end in `.properties` and do not start with a dot are read, sorted by name;
    /// subdirectories are not. The files of one directory must not set the same property twice. A directory without such
    /// a file is an empty layer; a path that does not exist is an error. Links are followed. A file may have up to 1 MiB.
    /// Messages call a file by its name, or by its path if files of the same name are loaded from several directories.
    ///
    /// The call reads from disk and blocks; it is meant for the start of a program.
    ///
    /// - Parameters:
    ///   - paths: Files and directories, those with the defaults first; with none, there is only the environment.
    ///   - environment: The environment variables, as `ProcessInfo.processInfo.environment` gives them. They are kept for
    ///     properties that no file sets; neither a description nor a mirror shows them.
    /// - Returns: the properties of all layers, and the environment on top.
    /// - Throws: ``PropertyError`` with every problem of every file.
    public static func load(
        from paths: [String],
        environment: [String: String]
    ) throws(PropertyError) -> PropertySet {
        var problems: [PropertyProblem] = []
        var cause: (any Error)?
        var layers: [[String]] = []
        for path in paths {
            do {
                layers.append(try FileAccess.propertyFiles(at: path))
            } catch {
                problems.append(PropertyProblem(.unreadable, at: .file(path), FileAccess.reason(error)))
                cause = cause ?? error
            }
        }
        let names = Self.displayNames(of: layers.flatMap(\.self))
        var files: [[PropertyFile]] = []
        for layer in layers {
            var layerFiles: [PropertyFile] = []
            for path in layer {
                let name = names[path] ?? path
                do {
                    let bytes = try FileAccess.contents(of: path)
                    layerFiles.append(PropertyFile(bytes: bytes, named: name, problems: &problems))
                } catch {
                    problems.append(PropertyProblem(.unreadable, at: .file(name), FileAccess.reason(error)))
                    cause = cause ?? error
                }
            }
            files.append(layerFiles)
        }
        return try PropertySet(layers: files, environment: environment, problems: problems, cause: cause)
    }

    /// What messages call each file: the last component of its path where no other file has the same.
    private static func displayNames(of paths: [String]) -> [String: String] {
        let byName = Dictionary(grouping: Set(paths)) { $0.split(separator: "/").last.map(String.init) ?? $0 }
        var names: [String: String] = [:]
        for (name, paths) in byName {
            for path in paths { names[path] = paths.count == 1 ? name : path }
        }
        return names
    }
}
