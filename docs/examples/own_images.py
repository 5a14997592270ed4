"""Train a network on a folder of own images, one sub-folder a class: python own_images.py pets"""

import sys

from nndl import BatchLoader, ResNet18, RunnerV3, Accuracy, seed_everything  # isort: skip
import paddle
import paddle.nn.functional as F

from nndl.dataset import ImageFolder, preprocess_photo

seed_everything(0)
train, dev, test = (ImageFolder(sys.argv[1], mode, size=32) for mode in ("train", "dev", "test"))
model = ResNet18(3, num_classes=len(train.classes))
optimizer = paddle.optimizer.Momentum(0.02, 0.9, model.parameters(), weight_decay=5e-4)
runner = RunnerV3(model, optimizer, F.cross_entropy, Accuracy())
runner.train(BatchLoader(train, 16, shuffle=True), BatchLoader(dev), num_epochs=6, log_steps=0)
print("test score and loss:", runner.evaluate(BatchLoader(test)))
photo = preprocess_photo(test.paths[0], train.mean, train.std)["network input"]
print(test.paths[0], "is", train.classes[int(runner.predict(photo[None])[0].argmax())])
