extension [Double] {
    /// The value that so many percent of them do not exceed; 0 if there are none.
    func percentile(_ percent: Int) -> Double {
        let sorted = self.sorted()
        let index = (sorted.count * percent + 99) / 100 - 1
        return sorted.indices.contains(index) ? sorted[index] : 0
    }
}
